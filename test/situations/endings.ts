// Connections that end: with a reason or without one, restarts of the broker, and networks that die.
import assert from 'node:assert/strict';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import { badBroker, connects, deliversAll, raiseAlert, underLoad } from './acts.ts';
import { cutting } from './scripts.ts';
import type { Situation } from './situation.ts';

const AGAIN = 'The agent reconnects with backoff, and sends the messages without an acknowledgement again.';

export const endings: readonly Situation[] = [
  ...(
    [
      [0x8b, 'shuts down and says so', /server shutting down \(0x8B\)/],
      [0x8d, 'missed a ping and says so', /keep-alive timeout \(0x8D\)/],
      [0x98, 'ends the connection because of an administrator', /administrative action \(0x98\)/],
      [0x9c, 'names another server', /use another server \(0x9C\)/],
    ] as const
  ).map(
    ([code, what, says]): Situation => ({
      situation: `The broker ${what} (DISCONNECT 0x${code.toString(16).toUpperCase()}).`,
      reaction: AGAIN,
      problem: 'mqtt_ended',
      play: badBroker(cutting(code), says),
    }),
  ),
  {
    situation: 'The broker ends the connection several times because of its quota (DISCONNECT 0x97).',
    reaction: AGAIN,
    problem: 'mqtt_ended',
    play: underLoad(cutting(0x97, (published) => published % 4 === 0 && published <= 8)),
  },
  {
    situation: 'Another client takes over the connection once (DISCONNECT 0x8E).',
    reaction: 'The agent reconnects with backoff. It does not yet assume a second robot with this name.',
    problem: 'mqtt_ended',
    play: underLoad(cutting(0x8e, (published) => published === 3)),
  },
  {
    situation: 'The broker or the network closes the connection several times without a reason.',
    reaction: AGAIN,
    problem: 'mqtt_ended',
    play: underLoad(cutting(undefined, (published) => published % 4 === 0 && published <= 12)),
  },
  {
    situation: 'The broker or the network stops answering on an open connection.',
    reaction:
      'The agent cuts the connection after `mqtt.ack_timeout`, reconnects, and sends the messages without an acknowledgement again.',
    problem: 'mqtt_ended',
    play: underLoad(
      {
        onPublish: (_packet, wire, published) => {
          if (published === 4) wire.mute();
          return published !== 4;
        },
      },
      { ackTimeoutMs: 150 },
    ),
  },
  {
    situation: 'Mosquitto restarts.',
    reaction: 'The agent reconnects with backoff, at once for an alert, and delivers everything that waits.',
    problem: 'mqtt_ended',
    also: ['broker_refused_connection', 'broker_hung_up'],
    skip: mosquittoUnavailable(),
    play: async (stage) => {
      const broker = await stage.mosquitto();
      const agent = stage.agent(broker.port);
      await connects(agent);
      await broker.kill();
      await until(() => agent.raised.includes(stage.problem), 'the connection has ended');
      raiseAlert(agent);
      await broker.restart();
      await deliversAll(agent);
      assert.equal(agent.uplink.status().connects, 2);
    },
  },
];
