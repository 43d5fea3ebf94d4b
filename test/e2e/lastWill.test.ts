// The last will after kill -9. The cloud distinguishes an empty battery from a cut network or power supply.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type HeldPresence, takePresence } from '../../cloud/src/robots/state.ts';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { type Presence, presence } from '../../src/wire/index.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

const TOPIC = '/battery_state';
const TYPE = 'sensor_msgs/msg/BatteryState';

/** The agent reads the battery every 10 s. */
const PATIENCE_MS = 40_000;

describe('the last will of a killed robot', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let peer: RosPeer;
  let witness: Program;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    peer = await RosPeer.start('house');
    await peer.advertise(TOPIC, TYPE);
    witness = bench.run('witness', 'mosquitto_sub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/presence']);
  });

  after(async () => {
    await peer?.close();
    await bench?.stop();
    await domain?.release();
  });

  /** mosquitto_sub prints one JSON message per line. */
  const heard = (): Presence[] => witness.lines.map((line) => presence.parse(line));

  const presenceThat = async (fits: (message: Presence) => boolean): Promise<Presence> => {
    await until(() => heard().some(fits), 'the presence is heard', { patienceMs: PATIENCE_MS, explain: () => JSON.stringify(heard()) });
    return heard().find(fits) as Presence;
  };

  /** Publishes until the agent has read a value, because ROS still counts a killed agent as a subscriber for a while. */
  const publishBattery = async (percentage: number): Promise<void> => {
    const isHeard = bench.status(({ channels }) => channels.some(({ name, messages }) => name === 'battery' && messages > 0));
    const publishing = setInterval(() => void peer.publish(TOPIC, TYPE, { percentage }), 200);
    await isHeard.finally(() => clearInterval(publishing));
  };

  /** Presence messages of the latest session. */
  const inLatestSession = (): Presence[] => heard().filter(({ session }) => session === heard().at(-1)?.session);

  it('ends a session without a reason, and the cloud keeps the last reported power', async () => {
    for (const [percentage, battery, isLow] of [
      [0.5, 50, false],
      [0.08, 8, true],
    ] as const) {
      const agent = bench.agent();
      await agent.event('connected');
      await publishBattery(percentage);
      const { session } = await presenceThat(({ power }) => power?.battery === battery && power.low === isLow);
      await agent.kill();
      const will = await presenceThat((message) => !message.online && message.session === session);
      assert.equal(will.reason, undefined);
      const held = inLatestSession().reduce<HeldPresence | null>((before, message) => takePresence(before, message) ?? before, null);
      assert.deepEqual([held?.online, held?.power?.battery, held?.power?.low], [false, battery, isLow]);
    }
  });
});
