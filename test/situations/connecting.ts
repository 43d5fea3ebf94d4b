// The first packets of a connection: CONNECT, subscriptions, and the limits that the broker announces.
import assert from 'node:assert/strict';
import { LEAST_PACKET_BYTES } from '../../src/uplink/brokerLimits.ts';
import { until } from '../support/until.ts';
import { badBroker, busyRobot, connects, deliversAll, raiseAlert, raises, silentBroker } from './acts.ts';
import { oldBroker, refusingConnect } from './scripts.ts';
import type { Situation } from './situation.ts';

const AGAIN = 'The agent tries again with backoff. The problem ends with the next connection.';
const SILENT = 'The agent cuts the connection after the deadline and tries again with backoff. No row is lost.';

const SHORT = { connectTimeoutMs: 1_000, ackTimeoutMs: 2_000 };

/** Plays a robot with many commands and channels at a broker that accepts only small packets. */
const smallPackets =
  (maximumPacketSize: number, says: RegExp): Situation['play'] =>
  async (stage) => {
    const commands = Array.from({ length: 60 }, (_, i) => ({ name: `command_${i}`, motion: false, args: { type: 'object' } }));
    const broker = await stage.broker({ announces: { maximumPacketSize } });
    const agent = stage.agent(broker.port, { commands });
    busyRobot(agent);
    await raises(agent, stage.problem, says);
    assert.deepEqual(agent.outbox.counts.evictedBy, { age: 0, space: 0, poison: 0, released: 0 });
    if (maximumPacketSize < LEAST_PACKET_BYTES) broker.behave({});
    await deliversAll(agent);
    if (maximumPacketSize < LEAST_PACKET_BYTES) return;
    const texts = agent.problems.standing().map(({ text }) => /leave[s]? out .*/.exec(text)?.[0]);
    assert.deepEqual(texts.sort(), ['leave out the latest values', 'leaves out the commands']);
    assert.ok(broker.largest <= maximumPacketSize, `${broker.largest} bytes`);
  };

export const connecting: readonly Situation[] = [
  {
    situation: 'The broker completes the TLS handshake, but does not answer the CONNECT.',
    reaction: SILENT,
    problem: 'broker_silent',
    play: silentBroker({ onConnect: () => false }, SHORT),
  },
  {
    situation: 'The broker does not answer the subscription.',
    reaction: SILENT,
    problem: 'broker_silent',
    play: silentBroker({ onSubscribe: () => false }, SHORT),
  },
  ...(
    [
      [0x87, 'does not allow the robot to connect (CONNACK 0x87, not authorized)', 'not_authorized'],
      [0x86, 'does not accept the robot’s user name (CONNACK 0x86)', 'not_authorized'],
      [0x8a, 'has banned the robot (CONNACK 0x8A)', 'not_authorized'],
      [0x85, 'does not accept the robot’s client id (CONNACK 0x85)', 'client_id_refused'],
      [0x88, 'is up, but not ready (CONNACK 0x88, server unavailable)', 'broker_unavailable'],
      [0x89, 'is too busy (CONNACK 0x89, server busy)', 'broker_unavailable'],
      [0x97, 'refuses the connection because of a quota (CONNACK 0x97)', 'broker_quota'],
      [0x9f, 'refuses the connection because too many clients connect (CONNACK 0x9F)', 'broker_quota'],
      [0x9c, 'sends its clients to another server (CONNACK 0x9C)', 'broker_refuses'],
    ] as const
  ).map(
    ([code, what, problem]): Situation => ({
      situation: `The broker ${what}.`,
      reaction: AGAIN,
      problem,
      play: badBroker(
        refusingConnect(code),
        new RegExp(`: the broker refuses the connection: [a-z ]+ \\(0x${code.toString(16).toUpperCase()}\\)$`),
      ),
    }),
  ),
  {
    situation: 'The broker closes the connection after the CONNECT, as IoT Core does if the certificate is inactive or has no policy.',
    reaction: AGAIN,
    problem: 'broker_hung_up',
    play: badBroker(
      {
        onConnect: (wire) => {
          wire.cut();
          return false;
        },
      },
      /closed the connection/,
    ),
  },
  {
    situation: 'The broker does not support MQTT 5 (CONNACK 0x84).',
    reaction: 'The agent connects with MQTT 3.1.1 at once, and uses it until it is restarted.',
    problem: null,
    play: async (stage) => {
      const broker = await stage.broker(oldBroker());
      const agent = stage.agent(broker.port);
      raiseAlert(agent);
      await deliversAll(agent);
      assert.equal(agent.uplink.status().mqtt_version, 4);
      assert.equal(broker.connects, 2);
    },
  },
  ...(
    [
      [2, 'does not accept the robot’s client id', 'client_id_refused'],
      [4, 'does not accept the robot’s user name', 'not_authorized'],
      [5, 'does not allow the robot to connect', 'not_authorized'],
    ] as const
  ).map(
    ([code, what, problem]): Situation => ({
      situation: `A broker without MQTT 5 ${what} (CONNACK ${code}).`,
      reaction: AGAIN,
      problem,
      play: badBroker(oldBroker(code), /./),
    }),
  ),
  {
    situation: 'A broker that supports only MQTT 3.1.1 is up, but not ready (CONNACK 3).',
    reaction: AGAIN,
    problem: 'broker_unavailable',
    play: badBroker(
      {
        onConnect: (wire) => {
          wire.send({ cmd: 'connack', reasonCode: 0x84, returnCode: 3, sessionPresent: false });
          return false;
        },
      },
      /: the broker refuses the connection: server unavailable \(code 3\)$/,
    ),
  },
  {
    situation: 'The broker accepts packets of at most 1,000 bytes.',
    reaction: 'The agent does not use the connection, because not even a presence would fit. It keeps all rows, and needs 2 KiB.',
    problem: 'broker_packet_limit',
    play: smallPackets(1_000, /accepts packets of at most 1000 bytes, but the agent needs 2048 bytes/),
  },
  {
    situation: 'The broker accepts packets of at most 3,000 bytes.',
    reaction: 'The agent delivers everything in smaller messages. Messages leave out the latest values, and the presence the commands.',
    problem: 'broker_packet_limit',
    play: smallPackets(3_000, /leaves? out/),
  },
  ...[1, 3].map(
    (receiveMaximum): Situation => ({
      situation: `The broker permits only ${receiveMaximum === 1 ? 'one message' : `${receiveMaximum} messages`} in flight (Receive Maximum).`,
      reaction: 'The agent delivers everything over one connection, and never exceeds the limit.',
      problem: null,
      play: async (stage) => {
        const broker = await stage.broker({ announces: { receiveMaximum }, acknowledgesAfterMs: 5 });
        const agent = stage.agent(broker.port);
        busyRobot(agent);
        await deliversAll(agent);
        assert.ok(broker.mostInFlight <= receiveMaximum, `${broker.mostInFlight} in flight`);
        assert.equal(broker.connects, 1);
      },
    }),
  ),
  {
    situation: 'The broker answers each packet late, but before the deadline.',
    reaction: 'The agent waits, and delivers everything over one connection.',
    problem: null,
    play: async (stage) => {
      const broker = await stage.broker({
        acknowledgesAfterMs: 300,
        onConnect: (wire) => {
          setTimeout(() => wire.send({ cmd: 'connack', reasonCode: 0, sessionPresent: false }), 300);
          return false;
        },
      });
      const agent = stage.agent(broker.port);
      raiseAlert(agent);
      await deliversAll(agent);
      assert.equal(broker.connects, 1);
    },
  },
  {
    situation: 'The broker announces a shorter keepalive than the configured one (Server Keep Alive).',
    reaction: 'The agent pings as often as the broker announces.',
    problem: null,
    play: async (stage) => {
      let pings = 0;
      const broker = await stage.broker({
        announces: { serverKeepAlive: 1 },
        onPing: () => {
          pings++;
          return true;
        },
      });
      await connects(stage.agent(broker.port, { keepaliveMs: 600_000 }));
      await until(() => pings >= 2, 'the agent pings', { patienceMs: 30_000 });
    },
  },
];
