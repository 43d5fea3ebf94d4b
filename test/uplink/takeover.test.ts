// Runs agents that suspect another client with their name. test/situations/losses.ts has the other causes of connections that keep ending.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

/** A slow connect or answer on a busy machine would raise another problem. */
const TIMEOUTS = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };
const ALERT = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } } as const;

const codes = ({ problems }: UplinkBench) => problems.standing().map(({ code }) => code);

describe('two agents with one thing name', { timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-takeover-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });

  after(() => rmSync(folder, { recursive: true }));

  it('keep the problem if the broker closes a connection before it answers the subscription', async () => {
    const broker = await ScriptedBroker.start(files, {
      onPublish: (_packet, wire) => {
        setTimeout(() => wire.cut(), 20);
        return true;
      },
    });
    const bench = startUplink(files, broker.port, TIMEOUTS);
    try {
      await until(() => codes(bench).includes('client_id_taken'), 'the problem is raised');
      let closed = 0;
      broker.behave({
        onConnect: (wire) => {
          closed++;
          wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
          wire.cut();
          return false;
        },
      });
      bench.outbox.append(ALERT);
      bench.outbox.flush();
      await until(() => closed > 0 && bench.uplink.status().state === 'waiting', 'the agent connected for the alert, and waits again');
      assert.deepEqual(codes(bench), ['client_id_taken']);
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('are not inferred from a broker that answers late, or that closes the connection for a message', async () => {
    const cut: Script['onPublish'] = (_packet, wire) => {
      wire.cut();
      return false;
    };
    for (const onPublish of [() => false, cut]) {
      const broker = await ScriptedBroker.start(files, { onPublish });
      const bench = startUplink(files, broker.port);
      try {
        bench.outbox.append(ALERT);
        await until(() => broker.connects > 7, 'seven connections');
        assert.ok(!bench.raised.includes('client_id_taken'), bench.raised.join(', '));
      } finally {
        await bench.stop();
        await broker.stop();
      }
    }
  });
});
