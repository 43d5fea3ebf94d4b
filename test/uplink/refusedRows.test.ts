// Checks that refused rows stay on the robot: the real uplink and outbox against a broker that answers with MQTT 5 reason codes.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { ScriptedBroker, textOf } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const ALERT = { class: 'alert', value: true, extra: { alert: 'raised' } } as const;
/** More than the refusals after which a message used to be evicted. */
const REFUSALS = 5;

describe('rows that the broker refuses', { timeout: 120_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: ScriptedBroker;
  let bench: UplinkBench;
  /** The messages that the broker refused, as text. */
  let refused: string[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-refused-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Starts a broker that refuses the messages that fit, with this reason code, and runs `work`. */
  const against = async (reasonCode: number, fits: (topic: string, text: string) => boolean, work: () => Promise<void>) => {
    refused = [];
    broker = await ScriptedBroker.start(files, {
      onPublish: (packet, wire) => {
        const text = textOf(packet);
        if (!fits(packet.topic, text)) return true;
        refused.push(text);
        wire.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode });
        return false;
      },
    });
    bench = startUplink(files, broker.port, { ackTimeoutMs: 20_000, connectTimeoutMs: 20_000 });
    try {
      await work();
    } finally {
      await bench.stop();
      await broker.stop();
    }
  };
  const times = (channel: string) => refused.filter((text) => text.includes(`"${channel}",`)).length;
  const isAcknowledged = (topic: string) => bench.uplink.status().acknowledged.includes(`elderly_bot/${topic}`);

  for (const [code, words] of [
    [0x87, /publish on elderly_bot\/telemetry: not authorized \(0x87\); .*`topic write elderly_bot\/telemetry`/],
    [0x90, /name of topic elderly_bot\/telemetry: topic name not valid \(0x90\); set topic_prefix/],
    [0x97, /because of a limit: quota exceeded \(0x97\)/],
    [0x80, /elderly_bot\/telemetry: the broker gives no reason \(0x80\)/],
    [0x83, /elderly_bot\/telemetry: a rule or a failure inside the broker \(0x83\)/],
    [0x91, /elderly_bot\/telemetry: packet identifier in use \(0x91\)/],
  ] as const) {
    it(`stay until the broker accepts them, and do not stop other topics (0x${code.toString(16)})`, async () => {
      await against(
        code,
        (topic) => topic.endsWith('/telemetry'),
        async () => {
          bench.outbox.append({ ...ALERT, channel: 'fall' });
          await until(() => times('fall') > 0, 'the alert is refused');
          bench.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
          await until(() => isAcknowledged('results'), 'a result is acknowledged meanwhile');
          await until(() => times('fall') >= REFUSALS, 'the alert is refused several times', { patienceMs: 60_000 });
          assert.match(bench.texts.get('publish_refused') ?? '', words);
          assert.deepEqual(bench.uplink.status().refused, ['elderly_bot/telemetry']);
          broker.behave({});
          await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged');
          await until(() => bench.uplink.status().refused.length === 0, 'the topic is no longer refused');
          assert.deepEqual([...new Set(broker.taken.values())], [1]);
          assert.equal(bench.outbox.counts.evictedBy.poison, 0);
        },
      );
    });
  }

  it('are evicted one by one if the broker refuses their content, and an event names an alert', async () => {
    await against(
      0x99,
      (_topic, text) => text.includes('"kind":"alert"') && text.includes('"bad",'),
      async () => {
        for (const channel of ['fall', 'bad', 'fire']) bench.outbox.append({ ...ALERT, channel });
        await until(() => broker.taken.size === bench.outbox.accepted - 1 && bench.outbox.accepted > 3, 'all other rows are acknowledged');
        const [bad] = refused.slice(-1).map((text) => JSON.parse(text) as { readings: [number, number, string][] });
        const [seq, at] = bad?.readings[0] ?? [];
        assert.equal(bad?.readings.length, 1);
        const event = broker.texts.find((text) => text.includes('"evicted"')) ?? '';
        const { ranges, reason, alerts } = JSON.parse(event) as Record<string, unknown>;
        assert.deepEqual({ ranges, reason, alerts }, { ranges: [[seq, seq]], reason: 'poison', alerts: [[seq, at, 'bad']] });
        assert.deepEqual([...new Set(broker.taken.values())], [1]);
        const problem = bench.problems.standing().find(({ code: raised }) => raised === 'message_refused');
        assert.equal(problem?.severity, 'critical');
        assert.match(problem.text, /^alert bad, row \d+ of box: /);
      },
    );
  });

  it('are kept if they declare other rows, and are not declared again and again', async () => {
    await against(
      0x99,
      (topic, text) => topic.endsWith('/events') || text.includes('"bad",'),
      async () => {
        bench.outbox.append({ ...ALERT, channel: 'bad' });
        const declared = () => refused.filter((text) => text.includes('"evicted"')).length;
        await until(() => declared() >= REFUSALS, 'the declaration is refused several times', { patienceMs: 60_000 });
        assert.equal(bench.outbox.accepted, 2);
        assert.equal(bench.outbox.counts.evictedBy.poison, 1);
        broker.behave({});
        await until(() => broker.taken.size === 1, 'the declaration is acknowledged', { patienceMs: 60_000 });
      },
    );
  });

  it('are named by the present text of the problem', async () => {
    await against(
      0x99,
      (_topic, text) => text.includes('"id":"bad"') || text.includes('"worse",'),
      async () => {
        const text = () => bench.problems.standing().find(({ code }) => code === 'message_refused')?.text ?? '';
        bench.outbox.append({ class: 'result', body: { kind: 'result', id: 'bad', status: 'done' } });
        await until(() => text().startsWith('result'), 'the result is poison');
        bench.outbox.append({ ...ALERT, channel: 'worse' });
        await until(() => text().startsWith('alert worse'), 'the text names the alert');
      },
    );
  });
});
