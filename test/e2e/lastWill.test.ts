// kill -9, as an empty battery or a pulled plug does: the last will tells the one from the other.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Presence, presence } from '../../src/wire/index.ts';
import { Bench } from '../support/bench.ts';
import { claimDomain, type RosDomain } from '../support/domain.ts';
import { findMosquitto } from '../support/mosquitto.ts';
import type { Program } from '../support/program.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');

const TOPIC = '/battery_state';
const TYPE = 'sensor_msgs/msg/BatteryState';

/** The battery is looked at each 10 s. */
const PATIENCE_MS = 40_000;

describe('the last will of a killed robot', { skip, timeout: 120_000 }, () => {
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

  /** mosquitto_sub's lines are JSON, each a line. */
  const heard = (): Presence[] => witness.lines.map((line) => presence.parse(line));

  const presenceThat = async (fits: (one: Presence) => boolean): Promise<Presence> => {
    for (const endMs = performance.now() + PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = heard().find(fits);
      if (found) return found;
      assert.ok(performance.now() < endMs, `not within ${PATIENCE_MS} ms: ${JSON.stringify(heard())}`);
    }
  };

  /** Again and again: a killed agent counts as a subscriber for a while. */
  const says = async (percentage: number): Promise<void> => {
    const isHeard = bench.status(({ channels }) => channels.some(({ name, messages }) => name === 'battery' && messages > 0));
    const publishing = setInterval(() => void peer.publish(TOPIC, TYPE, { percentage }), 200);
    await isHeard.finally(() => clearInterval(publishing));
  };

  it('says that the battery was low where it was, and nothing of that where it was not', async () => {
    const full = bench.agent();
    await full.event('connected');
    await says(0.5);
    const { session } = await presenceThat(({ power }) => power?.battery === 50);
    await full.kill();
    const cut = await presenceThat(({ online }) => !online);
    assert.deepEqual([cut.session, cut.power?.low ?? false], [session, false]);

    const empty = bench.agent();
    await empty.event('connected');
    await says(0.08);
    await empty.event('will_renewed', () => true, PATIENCE_MS);
    const renewed = await presenceThat((one) => one.power?.low === true && one.session !== session && one.online && isLast(one));
    await empty.kill();
    const will = await presenceThat(({ online, session: of }) => !online && of === renewed.session);
    assert.deepEqual([will.power?.low, will.power?.battery, will.reason], [true, 8, undefined]);
    // The session before it ended in order.
    assert.equal(heard().filter(({ online }) => !online).length, 2);
  });

  /** Of the sessions heard so far the latest, which is the third. */
  const isLast = ({ session }: Presence) => [...new Set(heard().map((one) => one.session))][2] === session;
});
