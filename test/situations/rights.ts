// Rights that the robot lacks at the broker. Each is denied in each way that a broker has: a code, or a closed connection, as AWS IoT Core does.
import assert from 'node:assert/strict';
import { UPWARD } from '../../src/wire/index.ts';
import type { Wire } from '../support/packetServer.ts';
import type { Script, ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

/** How a broker of one MQTT version denies a request. */
interface Way {
  readonly version: 4 | 5;
  readonly deny: (wire: Wire) => void;
}

const CLOSE_4: Way = { version: 4, deny: (wire) => wire.cut() };
const CLOSE_5: Way = { version: 5, deny: (wire) => wire.cut() };
const DISCONNECT: Way = {
  version: 5,
  deny: (wire) => {
    wire.send({ cmd: 'disconnect', reasonCode: 0x87 });
    wire.end();
  },
};

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

/** Appends rows of each class. */
function fill(agent: UplinkBench): void {
  for (let i = 0; i < 5; i++) agent.outbox.append({ class: 'telemetry', channel: 'temperature', value: i });
  agent.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
  agent.outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
  raiseAlert(agent);
}

const alertsAt = (broker: ScriptedBroker) => broker.texts.filter((text) => text.includes('"kind":"alert"')).length;
const refused = ({ uplink }: UplinkBench) => [...uplink.status().refused, ...uplink.status().refused_subscriptions];

const hasProblem = ({ present }: UplinkBench) =>
  (['publish_refused', 'subscribe_refused', 'mqtt_ended'] as const).some((code) => present.has(code));

/** Grants the right: everything arrives, and no problem is left. */
async function heals(agent: UplinkBench, broker: ScriptedBroker, version: 4 | 5): Promise<void> {
  broker.behave(ofVersion(version, {}));
  await deliversAll(agent);
  await until(() => refused(agent).length === 0, 'nothing is refused any more');
  await until(() => !hasProblem(agent), 'no problem is left');
}

/** Denies the right to publish on a topic. Alerts arrive within the same connection unless it is theirs. */
function deniedPublish(name: (typeof UPWARD)[number]): Situation['play'] {
  const topic = `elderly_bot/${name}`;
  const against = async (stage: Stage, { version, deny }: Way) => {
    const script: Script = {
      onPublish: (packet, wire) => {
        if (packet.topic !== topic) return true;
        deny(wire);
        return false;
      },
    };
    const broker = await stage.broker(ofVersion(version, script));
    const agent = stage.agent(broker.port);
    const arrives = async (alerts: number) => {
      if (name !== 'telemetry') await until(() => alertsAt(broker) >= alerts, `alert ${alerts} arrives`);
    };
    fill(agent);
    await arrives(1);
    const says = new RegExp(`closes the connection each time the robot publishes on ${topic}, .*\`topic write ${topic}\``);
    await raises(agent, stage.problem, says);
    fill(agent);
    await arrives(2);
    const { uplink } = agent;
    const others = UPWARD.filter((other) => other !== name && other !== 'backlog').map((other) => `elderly_bot/${other}`);
    await until(() => others.every((other) => uplink.status().acknowledged.includes(other)), 'all other topics flow');
    assert.deepEqual(refused(agent), [topic]);
    await heals(agent, broker, version);
  };
  return async (stage) => {
    for (const way of [CLOSE_4, CLOSE_5, DISCONNECT]) await against(stage, way);
  };
}

interface Refusal {
  readonly version: 4 | 5;
  /** Returns the codes of the SUBACK; false if the broker sends none. */
  readonly answer: (wire: Wire) => false | number[];
}

function closing({ version, deny }: Way): Refusal {
  return {
    version,
    answer: (wire) => {
      deny(wire);
      return false;
    },
  };
}

/** Denies the right to subscribe to a topic. The alert and the presence arrive, and the other topic is subscribed. */
function deniedSubscription(name: 'commands' | 'receipts', refusals: readonly Refusal[], says: RegExp): Situation['play'] {
  const topic = `elderly_bot/${name}`;
  const against = async (stage: Stage, { version, answer }: Refusal) => {
    let granted = 0;
    const script: Script = {
      onSubscribe: (wire, topics) => {
        if (topics.includes(topic)) return answer(wire);
        granted++;
        return true;
      },
    };
    const broker = await stage.broker(ofVersion(version, script));
    const agent = stage.agent(broker.port);
    fill(agent);
    await until(() => alertsAt(broker) >= 1, 'the alert arrives');
    await raises(agent, stage.problem, says);
    const text = agent.texts.get(stage.problem) ?? '';
    assert.match(text, name === 'commands' ? /commands do not arrive/ : /none is ever confirmed/);
    assert.ok(text.includes(`\`topic read ${topic}\``), text);
    await deliversAll(agent);
    const { uplink } = agent;
    await until(() => uplink.status().acknowledged.includes('elderly_bot/presence'), 'the presence is acknowledged');
    assert.deepEqual(refused(agent), [topic]);
    assert.ok(granted > 0, 'the other topic is subscribed');
    await heals(agent, broker, version);
  };
  return async (stage) => {
    for (const refusal of refusals) await against(stage, refusal);
  };
}

/** Denies the last will, and the presence too or not. */
function deniedWill(isPresenceDenied: boolean, ways: readonly Way[]): Situation['play'] {
  const against = async (stage: Stage, { version, deny }: Way) => {
    const script: Script = {
      onConnect: (wire, _connects, { will }) => {
        if (will) deny(wire);
        return !will;
      },
      onPublish: ({ topic }, wire) => {
        if (!isPresenceDenied || topic !== 'elderly_bot/presence') return true;
        wire.cut();
        return false;
      },
    };
    const broker = await stage.broker(ofVersion(version, script));
    const agent = stage.agent(broker.port);
    fill(agent);
    await until(() => alertsAt(broker) >= 1, 'the alert arrives');
    const says = /refuses to connect with a last will on elderly_bot\/presence, .*`topic write elderly_bot\/presence`/;
    await raises(agent, stage.problem, says);
    await deliversAll(agent);
    let hasWill = false;
    const granted: Script = {
      onConnect: (_wire, _connects, { will }) => {
        hasWill = will !== undefined;
        return true;
      },
    };
    broker.behave(ofVersion(version, granted));
    await until(() => hasWill && !hasProblem(agent), 'the agent has a last will again, and no problem');
  };
  return async (stage) => {
    for (const way of ways) await against(stage, way);
  };
}

const FOUND = 'The agent finds the topic with the second loss, holds its rows back and tries it alone from time to time. All others flow.';
const CLOSES = 'the broker closes the connection';

const REFUSED_WILL: readonly Way[] = [
  CLOSE_4,
  CLOSE_5,
  { version: 4, deny: (wire) => wire.send({ cmd: 'connack', returnCode: 5, sessionPresent: false }) },
  { version: 5, deny: (wire) => wire.send({ cmd: 'connack', reasonCode: 0x87, sessionPresent: false }) },
];

export const rights: readonly Situation[] = [
  ...(
    [
      ['telemetry', 'alerts and live readings', `${FOUND} Alerts are tried every 10 s at most.`],
      ['backlog', 'older readings', FOUND],
      ['results', 'results', FOUND],
      ['events', 'events', FOUND],
      ['presence', 'presence', `${FOUND} The cloud does not know whether the robot is online.`],
    ] as const
  ).map(
    ([name, what, reaction]): Situation => ({
      situation: `The robot lacks the right to publish ${what}, and ${CLOSES} (without a reason, or DISCONNECT 0x87).`,
      reaction,
      problem: 'publish_refused',
      also: ['mqtt_ended'],
      play: deniedPublish(name),
    }),
  ),
  ...(
    [
      ['commands', 'Alerts do not wait for the answer. The robot runs no command until the agent has the subscription.'],
      ['receipts', 'Alerts do not wait for the answer. No row is confirmed until the agent has the subscription.'],
    ] as const
  ).flatMap(([name, reaction]): Situation[] => [
    {
      situation: `The broker refuses the subscription of ${name} (SUBACK 0x80 or 0x87).`,
      reaction: `${reaction} It tries again every minute at most.`,
      problem: 'subscribe_refused',
      play: deniedSubscription(
        name,
        [
          { version: 4, answer: () => [0x80] },
          { version: 5, answer: () => [0x87] },
        ],
        /refused the subscription of .*: (the broker gives no reason \(0x80\)|not authorized \(0x87\))/,
      ),
    },
    {
      situation: `The robot lacks the right to subscribe to ${name}, and ${CLOSES}.`,
      reaction: `${reaction} It tries again every five minutes at most.`,
      problem: 'subscribe_refused',
      also: ['mqtt_ended'],
      play: deniedSubscription(
        name,
        [CLOSE_4, CLOSE_5, DISCONNECT].map(closing),
        /closes the connection each time the robot subscribes to /,
      ),
    },
  ]),
  {
    situation: 'The broker refuses to connect with a last will (CONNACK 5 or 0x87, or a closed connection).',
    reaction: 'After two refusals the agent connects without a last will. It tries the last will again from time to time.',
    problem: 'publish_refused',
    also: ['not_authorized', 'broker_hung_up'],
    play: deniedWill(false, REFUSED_WILL),
  },
  {
    situation: 'The broker refuses the last will and closes the connection at each presence, as AWS IoT Core does without this right.',
    reaction: 'The agent connects without a last will, and holds the presence back. All rows arrive.',
    problem: 'publish_refused',
    also: ['not_authorized', 'broker_hung_up', 'mqtt_ended'],
    play: deniedWill(true, REFUSED_WILL),
  },
  {
    situation: 'The broker closes each connection right after the CONNACK.',
    reaction: 'The agent reconnects with backoff. It does not assume that a right is missing.',
    problem: 'mqtt_ended',
    also: ['client_id_taken'],
    play: async (stage) => {
      const broker = await stage.broker({
        onConnect: (wire) => {
          wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
          wire.end();
          return false;
        },
        onSubscribe: () => false,
        onPublish: () => false,
      });
      const agent = stage.agent(broker.port);
      fill(agent);
      await until(() => broker.connects > 12, 'many connections');
      broker.behave({});
      await deliversAll(agent);
    },
  },
];
