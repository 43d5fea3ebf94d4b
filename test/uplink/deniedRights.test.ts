// Denies each of the robot's rights in turn: the real uplink and outbox against a broker that closes the connection for one request, as AWS
// IoT Core does, or refuses it with a code. An alert must arrive, everything else must flow, and the problem must name the right.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { DOWNWARD, UPWARD } from '../../src/wire/index.ts';
import type { Wire } from '../support/packetServer.ts';
import { type Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const REAL_TIMES = { connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 };
const ALERT = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } } as const;

/** How a broker denies a request, and what the problem's text then says. */
interface Way {
  readonly name: string;
  readonly version: 4 | 5;
  readonly deny: (wire: Wire) => void;
}

const WAYS: readonly Way[] = [
  { name: 'closes the connection, MQTT 3.1.1', version: 4, deny: (wire) => wire.cut() },
  { name: 'closes the connection, MQTT 5', version: 5, deny: (wire) => wire.cut() },
  {
    name: 'sends DISCONNECT 0x87',
    version: 5,
    deny: (wire) => {
      wire.send({ cmd: 'disconnect', reasonCode: 0x87 });
      wire.end();
    },
  },
];

/** A broker of one MQTT version. */
function ofVersion(version: 4 | 5, script: Script): Script {
  return {
    ...script,
    onConnect: (wire, connects, packet) => {
      if (version === 5 || packet.protocolVersion === 4) return script.onConnect?.(wire, connects, packet) ?? true;
      wire.send({ cmd: 'connack', reasonCode: 0x84, returnCode: 1, sessionPresent: false });
      return false;
    },
  };
}

/** Appends rows of each class. Those of the first call are backlog, those of later ones are live. */
function fill({ outbox }: UplinkBench): void {
  for (let i = 0; i < 5; i++) outbox.append({ class: 'telemetry', channel: 'temperature', value: i });
  outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
  outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
  outbox.append(ALERT);
  outbox.flush();
}

describe('a right that the broker denies', { timeout: 600_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: ScriptedBroker;
  let bench: UplinkBench;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-denied-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  const against = async (version: 4 | 5, script: Script, work: () => Promise<void>) => {
    broker = await ScriptedBroker.start(files, ofVersion(version, script));
    bench = startUplink(files, broker.port, REAL_TIMES);
    try {
      await work();
      assert.deepEqual(bench.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
    } finally {
      await bench.stop();
      await broker.stop();
    }
  };
  const alerts = () => broker.texts.filter((text) => text.includes('"kind":"alert"')).length;
  const status = () => bench.uplink.status();
  const heals = async (version: 4 | 5) => {
    broker.behave(ofVersion(version, {}));
    await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000 });
    await until(() => status().refused.length + status().refused_subscriptions.length === 0, 'nothing is refused any more');
    assert.deepEqual(bench.problems.standing(), []);
  };

  for (const { name: way, version, deny } of WAYS) {
    for (const name of UPWARD) {
      const topic = `elderly_bot/${name}`;
      it(`costs only that right, is named and heals: publish on ${name}; the broker ${way}`, async () => {
        const script: Script = {
          onPublish: (packet, wire) => {
            if (packet.topic !== topic) return true;
            deny(wire);
            return false;
          },
        };
        await against(version, script, async () => {
          fill(bench);
          if (name !== 'telemetry') await until(() => alerts() >= 1, 'the alert arrives');
          await until(() => status().refused.length > 0, 'the topic is known');
          assert.deepEqual(status().refused, [topic]);
          const text = bench.texts.get('publish_refused') ?? '';
          assert.match(text, new RegExp(`closes the connection each time the robot publishes on ${topic}, .*\`topic write ${topic}\``));
          fill(bench);
          const others = UPWARD.filter((other) => other !== name && other !== 'backlog').map((other) => `elderly_bot/${other}`);
          await until(() => others.every((other) => status().acknowledged.includes(other)), 'all other topics flow');
          if (name !== 'telemetry') await until(() => alerts() >= 2, 'the second alert arrives');
          assert.deepEqual(status().refused, [topic]);
          assert.ok(!bench.raised.includes('subscribe_refused') && !bench.raised.includes('client_id_taken'), bench.raised.join(', '));
          await heals(version);
        });
      });
    }
  }

  const subscriptionWays: readonly (readonly [string, 4 | 5, (wire: Wire) => false | number[], RegExp])[] = [
    ...WAYS.map(
      ({ name, version, deny }) =>
        [
          name,
          version,
          (wire: Wire) => {
            deny(wire);
            return false;
          },
          /closes the connection each time the robot subscribes to /,
        ] as const,
    ),
    ['answers 0x80, MQTT 3.1.1', 4, () => [0x80], /refused the subscription of .*: the broker gives no reason \(0x80\)/],
    ['answers 0x87, MQTT 5', 5, () => [0x87], /refused the subscription of .*: not authorized \(0x87\)/],
  ];
  for (const [way, version, refuse, says] of subscriptionWays) {
    for (const name of DOWNWARD) {
      const topic = `elderly_bot/${name}`;
      it(`costs only that right, is named and heals: subscribe to ${name}; the broker ${way}`, async () => {
        let granted = 0;
        const script: Script = {
          onSubscribe: (wire, topics) => {
            if (topics.includes(topic)) return refuse(wire);
            granted++;
            return true;
          },
        };
        await against(version, script, async () => {
          fill(bench);
          await until(() => alerts() >= 1, 'the alert arrives');
          await until(() => status().refused_subscriptions.length > 0, 'the topic is known');
          assert.deepEqual(status().refused_subscriptions, [topic]);
          const text = bench.texts.get('subscribe_refused') ?? '';
          assert.match(text, says);
          assert.match(text, name === 'commands' ? /commands do not arrive/ : /none is ever confirmed/);
          assert.ok(text.includes(`\`topic read ${topic}\``), text);
          await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged');
          await until(() => status().acknowledged.includes('elderly_bot/presence'), 'the presence is acknowledged');
          assert.ok(granted > 0, 'the other topic is subscribed');
          assert.ok(!bench.raised.includes('publish_refused') && !bench.raised.includes('not_authorized'), bench.raised.join(', '));
          await heals(version);
        });
      });
    }
  }

  const connectWays: readonly Way[] = [
    ...WAYS.filter(({ name }) => name.startsWith('closes')),
    {
      name: 'answers CONNACK 0x87',
      version: 5,
      deny: (wire) => wire.send({ cmd: 'connack', reasonCode: 0x87, sessionPresent: false }),
    },
    { name: 'answers CONNACK 5', version: 4, deny: (wire) => wire.send({ cmd: 'connack', returnCode: 5, sessionPresent: false }) },
  ];
  for (const { name: way, version, deny } of connectWays) {
    for (const presence of ['granted', 'denied'] as const) {
      it(`costs only the last will, is named and heals: presence is ${presence}; the broker ${way}`, async () => {
        const script: Script = {
          onConnect: (wire, _connects, { will }) => {
            if (will) deny(wire);
            return !will;
          },
          onPublish: ({ topic }, wire) => {
            if (presence === 'granted' || topic !== 'elderly_bot/presence') return true;
            wire.cut();
            return false;
          },
        };
        await against(version, script, async () => {
          fill(bench);
          await until(() => alerts() >= 1, 'the alert arrives');
          const says = /refuses to connect with a last will on elderly_bot\/presence, .*`topic write elderly_bot\/presence`/;
          await until(() => says.test(bench.texts.get('publish_refused') ?? ''), 'the will is named');
          await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged');
          let hasWill = false;
          const granted: Script = {
            onConnect: (_wire, _connects, { will }) => {
              hasWill = will !== undefined;
              return true;
            },
          };
          broker.behave(ofVersion(version, granted));
          await until(() => hasWill && status().acknowledged.includes('elderly_bot/presence'), 'the agent has a will again');
          await until(() => bench.problems.standing().length === 0, 'the problem ends');
        });
      });
    }
  }

  it('is not assumed of a broker that closes every connection at once', async () => {
    const script: Script = {
      onConnect: (wire) => {
        wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
        setTimeout(() => wire.cut(), 5);
        return false;
      },
      onSubscribe: () => false,
      onPublish: () => false,
    };
    broker = await ScriptedBroker.start(files, script);
    bench = startUplink(files, broker.port, REAL_TIMES);
    try {
      fill(bench);
      await until(() => broker.connects > 30, 'many connections');
      const wrong = bench.raised.filter((code) => code === 'publish_refused' || code === 'subscribe_refused');
      assert.deepEqual(wrong, []);
      broker.behave({});
      await until(() => broker.taken.size === bench.outbox.accepted, 'all rows are acknowledged', { patienceMs: 60_000 });
    } finally {
      await bench.stop();
      await broker.stop();
    }
  });

  it('lets the alert go first, and the presence after the subscriptions', async () => {
    const order: string[] = [];
    const script: Script = {
      onSubscribe: (_wire, topics) => {
        order.push(...topics);
        return true;
      },
      onPublish: ({ topic }) => {
        order.push(topic);
        return true;
      },
    };
    await against(5, script, async () => {
      bench.outbox.append(ALERT);
      await until(() => status().acknowledged.includes('elderly_bot/presence'), 'the presence is acknowledged');
      assert.deepEqual(order.slice(0, 4), [
        'elderly_bot/telemetry',
        'elderly_bot/receipts',
        'elderly_bot/commands',
        'elderly_bot/presence',
      ]);
    });
  });
});
