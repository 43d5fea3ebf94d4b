// A robot with Wi-Fi and a metered mobile network, each behind a router of its own: an rclpy program, the agent and Mosquitto, in network
// namespaces. The Wi-Fi's provider drops everything, while the interface and its default route stay.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import type { Status } from '../../src/status/index.ts';
import { awaitStatus } from '../support/agentStatus.ts';
import { Caller } from '../support/caller.ts';
import { BLACK_HOLE, type LabUplink } from '../support/network/labUplink.ts';
import { networkMissing, RobotNetwork } from '../support/network/robotNetwork.ts';
import { clientOver, Witness } from '../support/network/witness.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const TEMPERATURE = 'sensor_msgs/msg/Temperature';
const FALLS_ON_METERED = 10;
/** The campaign `uplinks` judges the times. */
const PATIENCE_MS = 300_000;

const skip = networkMissing() || rosUnavailable();

describe('a robot with two uplinks', { skip, timeout: 900_000 }, () => {
  let domain: RosDomain;
  let network: RobotNetwork;
  let wifi: LabUplink;
  let witness: Witness;
  let caller: Caller;
  let peer: RosPeer;
  let agent: Program;
  let stateDir: string;
  let falls = 0;

  const status = (fits: (status: Status) => boolean) => awaitStatus(stateDir, fits, PATIENCE_MS);
  const uses = (name: string) => status(({ link }) => link.state === 'connected' && link.path?.interface === name);
  /** Resolves when the alert is at the broker. */
  const fall = async () => {
    await peer.publish('/fall_detected', BOOL, { data: false });
    await peer.publish('/fall_detected', BOOL, { data: true });
    falls += 1;
    await witness.alert('fall', falls, PATIENCE_MS);
  };
  const temperature = (degrees: number) => peer.publish('/jetson_temperature', TEMPERATURE, { temperature: degrees });
  const temperatures = () => witness.readings().flatMap(({ reading: [, , channel, value] }) => (channel === 'temperature' ? [value] : []));
  const arrived = (degrees: number) =>
    eventually(temperatures, (all) => all.includes(degrees), `${degrees} degrees are at the broker`, { patienceMs: PATIENCE_MS });

  before(async () => {
    domain = await claimDomain();
    network = await RobotNetwork.start(['wlan0', 'wwan0']);
    const [first] = network.uplinks;
    assert.ok(first);
    wifi = first;
    stateDir = join(network.folder, 'state');
    const config = join(network.folder, 'robot.yaml');
    const channels = ['fall: { report: { on: message }, alerts_per_minute: 100000 }', 'temperature: { report: { on: message } }'];
    writeFileSync(config, `state_dir: state\nmqtt: { interval: 100ms, uplinks: [wlan0, wwan0] }\nchannels: { ${channels.join(', ')} }\n`);
    witness = await Witness.start(network.socket);
    caller = await Caller.over(clientOver(network.socket));
    peer = await RosPeer.start('house', {}, undefined, network.launch);
    await peer.advertise('/fall_detected', BOOL);
    await peer.advertise('/jetson_temperature', TEMPERATURE);
    agent = network.program('agent', AGENT, 'run', '--config', config);
    await agent.event('started', undefined, PATIENCE_MS);
    await status(({ channels }) => channels.filter(({ state }) => state === 'published').length === 2);
  });
  after(async () => {
    await peer?.close();
    await agent?.stop();
    await caller?.close();
    await witness?.stop();
    await network?.stop();
    await domain?.release();
  });

  it('uses the first one while it carries data, for everything', async () => {
    await uses('wlan0');
    await temperature(20);
    await arrived(20);
    await fall();
    await uses('wlan0');
  });

  it('delivers a fall over the second one while the provider of the first one drops everything', async () => {
    await wifi.harm(BLACK_HOLE);
    await fall();
    const { link } = await uses('wwan0');
    assert.equal(link.path?.metered, true);
  });

  it('sends only alerts, results and presence over a metered one', async () => {
    const before = witness.messages.length;
    await temperature(21);
    for (let n = 0; n < FALLS_ON_METERED; n++) await fall();
    const { status: done } = await caller.result(await caller.send('ping'), PATIENCE_MS);
    assert.equal(done, 'done');
    await uses('wwan0');
    const kinds = witness.messages
      .slice(before)
      .map(({ channel, payload }) => (channel === 'telemetry' ? JSON.parse(payload.toString()).kind : channel));
    assert.deepEqual([...new Set(kinds)].filter((kind) => kind !== 'presence').sort(), ['alert', 'results']);
    assert.ok(!temperatures().includes(21));
  });

  it('returns to the first one when it works again, and sends what had to wait', async () => {
    await wifi.heal();
    await uses('wlan0');
    await arrived(21);
    await fall();
  });
});
