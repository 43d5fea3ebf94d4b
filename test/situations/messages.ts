// Messages that the broker refuses, and acknowledgements that do not come as they should.
import assert from 'node:assert/strict';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import type { Wire } from '../support/packetServer.ts';
import { textOf } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { busyRobot, clears, connects, deliversAll, raiseAlert, raises, silentBroker, underLoad } from './acts.ts';
import { refusing } from './scripts.ts';
import type { Situation } from './situation.ts';

const STAY = 'The rows stay on the robot, and other topics go on. The agent tries again with backoff, for alerts every 10 s.';

/** A deadline for acknowledgements that the situation exceeds. */
const SHORT = { ackTimeoutMs: 150 };

/** Connections with late acknowledgements. */
const late = new WeakSet<Wire>();

/** More than the refusals after which the content of a row is poison. */
const REFUSALS = 5;

/** Plays a broker that refuses a topic for a while: the alert stays, a result arrives meanwhile, and the alert arrives once. */
function refusedTopic(reasonCode: number, says: RegExp): Situation['play'] {
  return async (stage) => {
    let refusals = 0;
    const script = refusing(reasonCode, (packet) => {
      if (!packet.topic.endsWith('/telemetry')) return false;
      refusals++;
      return true;
    });
    const broker = await stage.broker(script);
    const agent = stage.agent(broker.port);
    raiseAlert(agent);
    await raises(agent, stage.problem, says);
    agent.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
    const { uplink } = agent;
    await until(() => uplink.status().acknowledged.includes('elderly_bot/results'), 'a result is acknowledged meanwhile');
    await until(() => refusals >= REFUSALS, 'the alert is refused several times', { patienceMs: 60_000 });
    assert.deepEqual(uplink.status().refused, ['elderly_bot/telemetry']);
    broker.behave({});
    await deliversAll(agent);
    await until(() => uplink.status().refused.length === 0, 'the topic is no longer refused');
    assert.deepEqual([...new Set(broker.taken.values())], [1]);
    await clears(agent, stage.problem);
  };
}

/** Plays a broker that never acknowledges messages on this topic, and later does. Rows on all other topics arrive meanwhile. */
const unacknowledgedTopic =
  (topic: string): Situation['play'] =>
  async (stage) => {
    const broker = await stage.broker({ onPublish: (packet) => packet.topic !== topic });
    const agent = stage.agent(broker.port, { ackTimeoutMs: 500, alertTimeoutMs: 400 });
    const { outbox, uplink } = agent;
    outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
    raiseAlert(agent);
    const results = setInterval(() => outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } }), 50);
    stage.atEnd(() => clearInterval(results));
    await raises(agent, stage.problem, new RegExp(`acknowledges no message on ${topic}, but later ones on other topics`));
    const others = ['events', 'presence', 'results', 'telemetry'].map((name) => `elderly_bot/${name}`).filter((other) => other !== topic);
    await until(() => others.every((other) => uplink.status().acknowledged.includes(other)), 'all other topics go on');
    assert.deepEqual(uplink.status().refused, [topic]);
    clearInterval(results);
    broker.behave({});
    await deliversAll(agent);
    await clears(agent, stage.problem);
  };

/** Plays a Mosquitto with a limit for packets and a busy robot. */
const limited =
  (line: string): Situation['play'] =>
  async (stage) => {
    const broker = await stage.mosquitto({ lines: [line] });
    const agent = stage.agent(broker.port);
    await connects(agent);
    busyRobot(agent);
    await deliversAll(agent);
    if (line.startsWith('max_packet_size')) assert.equal(agent.uplink.status().connects, 1);
  };

export const messages: readonly Situation[] = [
  ...(
    [
      [
        0x87,
        'The robot lacks the right to publish on a topic (PUBACK 0x87)',
        /publish on elderly_bot\/telemetry: not authorized \(0x87\); .*`topic write elderly_bot\/telemetry`/,
      ],
      [
        0x90,
        'The broker does not accept the name of a topic (PUBACK 0x90)',
        /name of topic elderly_bot\/telemetry: topic name not valid \(0x90\); set topic_prefix/,
      ],
      [0x97, 'A quota of the broker is exceeded (PUBACK 0x97)', /because of a limit: quota exceeded \(0x97\)/],
      [0x80, 'The broker refuses a topic without a reason (PUBACK 0x80)', /elderly_bot\/telemetry: the broker gives no reason \(0x80\)/],
      [
        0x83,
        'A failure inside the broker, such as a full disk, lets it refuse a topic (PUBACK 0x83)',
        /elderly_bot\/telemetry: a rule or a failure inside the broker \(0x83\)/,
      ],
      [
        0x91,
        'The broker believes that a packet identifier is in use (PUBACK 0x91)',
        /elderly_bot\/telemetry: packet identifier in use \(0x91\)/,
      ],
    ] as const
  ).map(
    ([code, what, says]): Situation => ({
      situation: `${what}.`,
      reaction: STAY,
      problem: 'publish_refused',
      play: refusedTopic(code, says),
    }),
  ),
  {
    situation: 'The broker refuses the content of one alert (PUBACK 0x99).',
    reaction: 'After three refusals the agent evicts this row and names it in an event. All other rows arrive.',
    problem: 'message_refused',
    also: ['publish_refused'],
    play: async (stage) => {
      const refused: string[] = [];
      const isBad = (text: string) => text.includes('"kind":"alert"') && text.includes('"bad",');
      const broker = await stage.broker(
        refusing(0x99, (packet) => {
          const text = textOf(packet);
          if (isBad(text)) refused.push(text);
          return isBad(text);
        }),
      );
      const agent = stage.agent(broker.port);
      for (const channel of ['fall', 'bad', 'fire']) raiseAlert(agent, channel);
      const { outbox } = agent;
      await until(() => broker.taken.size === outbox.accepted - 1 && outbox.accepted > 3, 'all other rows are acknowledged');
      const [bad] = refused.slice(-1).map((text) => JSON.parse(text) as { readings: [number, number, string][] });
      const [seq, at] = bad?.readings[0] ?? [];
      assert.equal(bad?.readings.length, 1);
      const event = broker.texts.find((text) => text.includes('"evicted"')) ?? '';
      const { ranges, reason, alerts } = JSON.parse(event) as Record<string, unknown>;
      assert.deepEqual({ ranges, reason, alerts }, { ranges: [[seq, seq]], reason: 'poison', alerts: [[seq, at, 'bad']] });
      assert.deepEqual([...new Set(broker.taken.values())], [1]);
      const problem = agent.problems.standing().find(({ code: raised }) => raised === stage.problem);
      assert.equal(problem?.severity, 'critical');
      assert.match(problem.text, /^alert bad, row \d+ of box: /);
    },
  },
  {
    situation: 'The broker refuses the content of an alert and then the event that names it (PUBACK 0x99).',
    reaction: 'The agent keeps the event until the broker accepts it, and evicts no other row.',
    problem: 'message_refused',
    also: ['publish_refused'],
    play: async (stage) => {
      let declared = 0;
      const broker = await stage.broker(
        refusing(0x99, (packet) => {
          const text = textOf(packet);
          if (text.includes('"evicted"')) declared++;
          return packet.topic.endsWith('/events') || text.includes('"bad",');
        }),
      );
      const agent = stage.agent(broker.port);
      raiseAlert(agent, 'bad');
      await until(() => declared >= REFUSALS, 'the event is refused several times', { patienceMs: 60_000 });
      assert.equal(agent.outbox.accepted, 2);
      assert.equal(agent.outbox.counts.evictedBy.poison, 1);
      broker.behave({});
      await until(() => broker.taken.size === 1, 'the event is acknowledged', { patienceMs: 60_000 });
    },
  },
  {
    situation: 'The broker refuses the content of several rows one after another (PUBACK 0x99).',
    reaction: 'The text of the problem names the latest row.',
    problem: 'message_refused',
    also: ['publish_refused'],
    play: async (stage) => {
      const isBad = (text: string) => text.includes('"id":"bad"') || text.includes('"worse",');
      const broker = await stage.broker(refusing(0x99, (packet) => isBad(textOf(packet))));
      const agent = stage.agent(broker.port);
      agent.outbox.append({ class: 'result', body: { kind: 'result', id: 'bad', status: 'done' } });
      await raises(agent, stage.problem, /^result/);
      raiseAlert(agent, 'worse');
      await raises(agent, stage.problem, /^alert worse/);
    },
  },
  ...[4_096, 8_192].map(
    (bytes): Situation => ({
      situation: `Mosquitto accepts packets of at most ${bytes / 1_024} KiB and announces it (\`max_packet_size\`).`,
      reaction: 'The agent delivers everything over one connection, in smaller messages.',
      problem: 'broker_packet_limit',
      skip: mosquittoUnavailable(),
      play: limited(`max_packet_size ${bytes}`),
    }),
  ),
  {
    situation: 'Mosquitto accepts packets of at most 4,000 bytes and does not announce it (`message_size_limit`).',
    reaction: 'The agent finds the limit by smaller messages, over several connections, and delivers everything.',
    problem: 'mqtt_ended',
    also: ['broker_packet_limit', 'publish_refused'],
    skip: mosquittoUnavailable(),
    play: limited('message_size_limit 4000'),
  },
  {
    situation: 'The broker acknowledges no message.',
    reaction: 'The agent cuts the connection after `mqtt.ack_timeout` and tries again with backoff. No row is lost.',
    problem: 'broker_silent',
    // If it begins to answer in the middle of a connection.
    also: ['mqtt_ended'],
    play: silentBroker({ onPublish: () => false }, { connectTimeoutMs: 2_000, ackTimeoutMs: 1_000 }),
  },
  ...(
    [
      ['events', 'The rows stay on the robot'],
      ['telemetry', 'Readings and alerts stay on the robot'],
      ['presence', 'The cloud does not know that the robot is online'],
    ] as const
  ).map(
    ([name, cost]): Situation => ({
      situation: `The broker acknowledges no message on one topic (\`${name}\`).`,
      reaction: `${cost}, and other topics go on. After two connections the agent tries this topic alone, with backoff.`,
      problem: 'publish_refused',
      also: ['mqtt_ended', 'broker_silent'],
      play: unacknowledgedTopic(`elderly_bot/${name}`),
    }),
  ),
  {
    situation: 'The broker discards some messages without a PUBACK, as IoT Core does above its quota.',
    reaction: 'The agent cuts the connection after `mqtt.ack_timeout` and sends these messages again.',
    problem: 'mqtt_ended',
    also: ['broker_silent'],
    play: underLoad({ onPublish: (_packet, _wire, published) => published % 3 !== 0 || published > 12 }, SHORT),
  },
  {
    situation: 'The broker acknowledges messages after the deadline.',
    reaction: 'The agent has already cut the connection, ignores the late acknowledgement, and sends the messages again.',
    problem: 'broker_silent',
    also: ['mqtt_ended'],
    play: underLoad(
      {
        onConnect: (wire, connects) => {
          if (connects <= 2) late.add(wire);
          return true;
        },
        onPublish: ({ messageId }, wire) => {
          if (!late.has(wire)) return true;
          setTimeout(() => wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 }), 2 * SHORT.ackTimeoutMs);
          return false;
        },
      },
      SHORT,
    ),
  },
  {
    situation: 'The broker acknowledges packet identifiers that were never sent.',
    reaction: 'The agent ignores these acknowledgements.',
    problem: null,
    play: underLoad({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: ((messageId ?? 0) % 60_000) + 5_000, reasonCode: 0 });
        return true;
      },
    }),
  },
  {
    situation: 'The broker acknowledges each message twice.',
    reaction: 'The agent ignores the second acknowledgement.',
    problem: null,
    play: underLoad({
      onPublish: ({ messageId }, wire) => {
        wire.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: 0 });
        return true;
      },
    }),
  },
];
