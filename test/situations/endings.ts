// Connections that end: with a reason or without one, restarts of the broker, and networks that die.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { textOf } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { badBroker, connects, deliversAll, raiseAlert, raises, underLoad } from './acts.ts';
import { cutting } from './scripts.ts';
import type { Situation } from './situation.ts';

const AGAIN = 'The agent reconnects with backoff, and sends the messages without an acknowledgement again.';

export const endings: readonly Situation[] = [
  ...(
    [
      [0x8b, 'shuts down and says so', /server shutting down \(0x8B\)/],
      [0x8d, 'missed a ping and says so', /keep-alive timeout \(0x8D\)/],
      [0x89, 'is busy and says so', /server busy \(0x89\)/],
      [0x93, 'counts more messages in flight than it permits', /more messages in flight than the broker accepts \(0x93\)/],
      [0xa0, 'ends each connection after a time', /maximum connect time reached \(0xA0\)/],
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
    // A topic that was in flight each time looks denied until its next acknowledgement, for less than the 5 s after which it would be shown.
    also: ['publish_refused'],
    play: underLoad(cutting(undefined, (published) => published % 4 === 0 && published <= 12)),
  },
  {
    situation: 'The broker or the network stops answering on an open connection.',
    reaction:
      'The agent cuts the connection after `mqtt.ack_timeout`, reconnects, and sends the messages without an acknowledgement again.',
    problem: 'mqtt_ended',
    also: ['broker_silent'],
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
    situation: 'The broker does not answer a ping.',
    reaction: 'The agent cuts the connection after the keepalive, and reconnects with backoff.',
    problem: 'mqtt_ended',
    play: async (stage) => {
      const broker = await stage.broker({ onPing: () => false });
      const agent = stage.agent(broker.port, { keepaliveMs: 1_000 });
      await raises(agent, stage.problem, /Keepalive timeout/);
      broker.behave({});
      raiseAlert(agent);
      await deliversAll(agent);
    },
  },
  {
    situation: 'The connection dies silently, and an alert is sent.',
    reaction: 'The agent opens a second connection after `mqtt.alert_timeout` without an acknowledgement, and sends the alert over it.',
    problem: null,
    play: async (stage) => {
      const broker = await stage.broker();
      const agent = stage.agent(broker.port, { alertTimeoutMs: 200, keepaliveMs: 60_000, intervalMs: 60_000 });
      await connects(agent);
      broker.behave({
        onPublish: (_packet, wire) => {
          wire.mute();
          broker.behave({});
          return false;
        },
      });
      raiseAlert(agent);
      await deliversAll(agent);
      await until(() => agent.uplink.status().state === 'connected', 'the agent is connected');
      assert.equal(broker.connects, 2);
    },
  },
  {
    situation: 'The robot loses its power after an alert was sent and before it was acknowledged.',
    reaction: 'After its start, the agent sends the alert again under the same name, so that the cloud counts it once.',
    problem: null,
    play: async (stage) => {
      let isSent = false;
      const broker = await stage.broker({
        onPublish: (packet) => {
          isSent ||= textOf(packet).includes('"fall"');
          return !isSent;
        },
      });
      const [disk, image] = [stage.folder(), stage.folder()];
      const agent = stage.agent(broker.port, { stateDir: disk });
      raiseAlert(agent);
      await until(() => isSent, 'the alert is sent');
      // A copy of the files of a running agent is what a power loss leaves.
      cpSync(disk, image, { recursive: true });
      await agent.stop();
      broker.behave({});
      await deliversAll(stage.agent(broker.port, { stateDir: image, outboxId: 'after-power-loss' }));
      assert.equal(broker.taken.get('box/1'), 1);
    },
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
