// Checks that every wait for a broker has a deadline: each part that speaks MQTT beside the agent meets a broker that withholds one kind of
// packet. test/situations has the same for the agent.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/clock/index.ts';
import { type BenchFiles, benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { type ConnectError, call, dialForRequests, measure, probe, testCredentials } from '../../src/uplink/index.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink } from '../support/uplink.ts';

const WITHHELD = ['CONNACK', 'SUBACK', 'PUBACK', 'PINGRESP', 'close'] as const;
type Withheld = (typeof WITHHELD)[number];

/** @returns a script whose broker does not send this packet, or does not close the connection after a DISCONNECT. */
function without(packet: Withheld): Script {
  if (packet === 'CONNACK') return { onConnect: () => false };
  if (packet === 'SUBACK') return { onSubscribe: () => false };
  if (packet === 'PUBACK') return { onPublish: () => false };
  if (packet === 'PINGRESP') return { onPing: () => false };
  return { onDisconnect: (wire) => wire.mute() };
}

const TIMEOUT_MS = 300;
/** The deadlines together, on a machine that is ten times slower. */
const ENDS_WITHIN_MS = 30_000;

const SILENT = /^.* within 0\.[0-9]+ s$/;

describe('a broker that withholds', { timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: ScriptedBroker;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-silent-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  const access = () => ({
    host: 'localhost',
    port: broker.port,
    interfaces: [],
    credentials: readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key }),
    thing: 'elderly-bot',
    topicPrefix: 'elderly_bot',
    timeoutMs: TIMEOUT_MS,
  });
  const never = new AbortController().signal;

  /** The functions that speak MQTT beside the agent. Each ends with an error, or with a result that names the fault. */
  const SPEAKERS: Record<string, () => Promise<unknown>> = {
    'a test of credentials': () => testCredentials({ ...access(), clock: systemClock(0) }),
    'the doctor’s probe': () => probe(access(), never),
    'a request': async () => {
      const requests = await dialForRequests({ ...access(), clientId: 'claim' }, never);
      try {
        return await requests.ask('a/request', {});
      } finally {
        await requests.close();
      }
    },
    'a command from the bench': () => call({ ...access(), id: 'c', payload: '{}', expiresInS: 60 }),
    'a measurement': () => measure({ ...access(), topic: 'bench', seconds: 0, onStep: () => {} }, AbortSignal.timeout(TIMEOUT_MS)),
  };

  for (const packet of WITHHELD) {
    for (const [speaker, speak] of Object.entries(SPEAKERS)) {
      it(`${packet} does not hang ${speaker}`, async () => {
        broker = await ScriptedBroker.start(files, without(packet));
        try {
          const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), ENDS_WITHIN_MS).unref());
          const ended = await Promise.race([speak().catch((error: unknown) => error), late]);
          assert.notEqual(ended, 'late');
        } finally {
          await broker.stop();
        }
      });
    }
  }

  for (const packet of ['CONNACK', 'SUBACK', 'PUBACK'] as const) {
    it(`${packet} is named by a test of credentials and by the doctor`, async () => {
      broker = await ScriptedBroker.start(files, without(packet));
      try {
        const result = await testCredentials({ ...access(), clock: systemClock(0) });
        assert.ok(!result.works);
        assert.deepEqual([result.cause, SILENT.test(result.text)], ['broker_silent', true], result.text);
        await assert.rejects(probe(access(), never), (error: ConnectError) => error.reason === 'NO_ANSWER');
      } finally {
        await broker.stop();
      }
    });
  }

  it('SUBACK does not delay a stop', async () => {
    broker = await ScriptedBroker.start(files, without('SUBACK'));
    const bench = startUplink(files, broker.port, { connectTimeoutMs: 600_000 });
    await until(() => broker.connects === 1, 'the agent connects');
    await bench.stop();
    await broker.stop();
  });
});
