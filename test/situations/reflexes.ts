// Alerts that no receipt confirms, with a reflex (docs/guide/reflex.md): the robot calls for help by itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { pino } from 'pino';
import { Reflex } from '../../src/agent/reflex/reflex.ts';
import { loadConfig } from '../../src/config/index.ts';
import { SimulatedRos, SimulatedWorld } from '../../src/ros/index.ts';
import { type Receipt, topicsOf } from '../../src/wire/index.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import type { UplinkBench } from '../support/uplink.ts';
import { clears, deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';

const QOS = { reliability: 'reliable', durability: 'volatile', depth: 10 } as const;
const STRING = 'std_msgs/msg/String';

/** Arms a reflex that waits for less time than the configuration permits. @returns the messages that are heard. */
function arm(stage: Stage, { outbox, db, lifetime, clock, problems, uplink }: UplinkBench): unknown[] {
  const loaded = loadConfig(undefined, {});
  const announcement = { topic: '/speak', type: STRING, qos: QOS, message: { data: 'help' }, message_confirmed: { data: 'known' } };
  const limits = { after: 200, channels: 'all', repeat: null, repeat_limit: 1 } as const;
  const config = { ...loaded.config, reflex: { ...announcement, ...limits, also: [], message_cleared: undefined } };
  const world = new SimulatedWorld();
  const [ros, home] = [new SimulatedRos({ world }), new SimulatedRos({ world, name: 'home' })];
  const heard: unknown[] = [];
  home.subscribe({ topic: '/speak', type: STRING, qos: QOS, onMessage: ({ data }) => heard.push(data) });
  const isConnected = () => uplink.status().state === 'connected';
  const log = pino({ level: 'silent' });
  const reflex = new Reflex({ loaded: { ...loaded, config }, ros, db, outbox, clock, lifetime, problems, log, isConnected });
  stage.atEnd(() => reflex.stop());
  return heard;
}

/** Confirms all rows, as the cloud does through the broker. */
async function confirmAll(stage: Stage, port: number, { outbox, lifetime, clock }: UplinkBench): Promise<void> {
  const { ca, cloud } = stage.files;
  const credentials = { ca: readFileSync(ca), cert: readFileSync(cloud.cert), key: readFileSync(cloud.key) };
  const client = await mqtt.connectAsync({ protocol: 'mqtts', host: 'localhost', port, ...credentials });
  stage.atEnd(() => client.endAsync(true));
  const { accepted } = outbox;
  const receipt: Receipt = {
    ...{ thing: 'elderly-bot', outbox: outbox.id, at: Date.now(), accepted, mark: [lifetime.boot, clock.mono()] },
    ...{ through: accepted, after: 0, to: null, also: [] },
  };
  await client.publishAsync(topicsOf('elderly_bot').receipts, JSON.stringify(receipt), { qos: 1 });
}

const hears = (heard: readonly unknown[], ...texts: string[]) =>
  until(() => heard.length >= texts.length, `${texts} are heard`).then(() => assert.deepEqual(heard, texts));

export const reflexes: readonly Situation[] = [
  {
    situation: 'The broker acknowledges an alert, but no cloud confirms it within `reflex.after`.',
    reaction:
      'With a reflex, the agent publishes the configured ROS messages at the robot. The problem says that no receipt came, and ends with a receipt for the alert.',
    problem: 'reflex_fired',
    skip: mosquittoUnavailable(),
    play: async (stage) => {
      const broker = await stage.mosquitto();
      const agent = stage.agent(broker.port);
      const heard = arm(stage, agent);
      raiseAlert(agent);
      await deliversAll(agent);
      await raises(agent, stage.problem, /confirm fall .*the broker is connected, but no cloud has ever sent this robot a receipt/);
      await hears(heard, 'help');
      await confirmAll(stage, broker.port, agent);
      await clears(agent, stage.problem);
      await hears(heard, 'help', 'known');
    },
  },
  {
    situation: 'An alert waits for `reflex.after`, because the broker is away.',
    reaction:
      'With a reflex, the agent publishes the configured ROS messages at the robot. It tries again as without a reflex, and delivers the alert later.',
    problem: 'reflex_fired',
    also: ['broker_refused_connection'],
    play: async (stage) => {
      const port = await freePort();
      const agent = stage.agent(port);
      const heard = arm(stage, agent);
      raiseAlert(agent);
      await raises(agent, stage.problem, /confirm fall .*the broker is not connected/);
      await hears(heard, 'help');
      await stage.broker({}, { port });
      await deliversAll(agent);
    },
  },
];
