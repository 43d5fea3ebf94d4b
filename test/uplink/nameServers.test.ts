// The system's resolver without a name server that answers, and the problem that the agent then raises.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, mock } from 'node:test';
import { benchCertificates } from '../../src/identity/index.ts';
import { ConnectError } from '../../src/uplink/connectError.ts';
import { UplinkMemory } from '../../src/uplink/index.ts';
import { ASK_EVERY_MS, watchNames } from '../../src/uplink/nameWatch.ts';
import { resolveIn } from '../support/network/resolving.ts';
import { networkMissing } from '../support/network/robotNetwork.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

describe('the broker’s name', { skip: networkMissing(), timeout: 300_000 }, () => {
  it('keeps its last addresses, with the reason', async () => {
    const fault = 'the name server 127.0.0.1 did not resolve broker.example (/etc/resolv.conf)';
    assert.deepEqual(await resolveIn('nameserver 127.0.0.1\n', 'absent', '192.0.2.1'), { addresses: ['192.0.2.1'], fault });
  });
});

describe('the broker’s addresses', () => {
  it('are saved with the first connection, because a power cut ends a run without a stop', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-names-'));
    const files = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    const broker = await ScriptedBroker.start(files);
    const memory = new UplinkMemory(folder);
    const bench = startUplink(files, broker.port, { memory });
    try {
      await until(() => bench.uplink.status().state === 'connected', 'the agent connects');
      const { host, port, addresses } = memory.load();
      assert.deepEqual([host, port, addresses.includes('127.0.0.1')], ['localhost', broker.port, true]);
    } finally {
      await bench.stop();
      await broker.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('name servers that fail while the robot is connected', () => {
  it('are a warning until they answer again', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    let fault: ConnectError | undefined = new ConnectError('the name server 192.0.2.53 did not resolve broker.example', 'EAI_AGAIN');
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const told: string[] = [];
    const names = {
      get nameFault() {
        return fault;
      },
      askNames: async () => {
        if (told.length === 1) fault = undefined;
      },
    };
    const problems = {
      raise: (code: string, text: string, _subject?: string, severity?: string) => void told.push(`${severity} ${code}: ${text}`),
      clear: (code: string) => void told.push(`cleared ${code}`),
    };
    const pass = async () => {
      mock.timers.tick(ASK_EVERY_MS);
      await new Promise((resolve) => setImmediate(resolve));
    };
    watchNames(names, problems, ended);
    await pass();
    await pass();
    await pass();
    end();
    await ended;
    fault = new ConnectError('again', 'EAI_AGAIN');
    await pass();
    mock.timers.reset();
    assert.deepEqual(told, [
      'warning name_servers_silent: the name server 192.0.2.53 did not resolve broker.example; the agent uses the last known addresses',
      'cleared name_servers_silent',
    ]);
  });
});
