// Tests a robot whose nodes find each other through Fast DDS' discovery server, as on a TurtleBot 4: real rclpy nodes are its clients, and
// every command sees their topics.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { askStatus, type Status } from '../../src/status/index.ts';
import { DiscoveryServer, discoveryServerMissing, freeUdpPort } from '../support/discoveryServer.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';
import { assertCause, Fixtures, type TestRobot } from './fixtures.ts';

const skip = rosUnavailable() || discoveryServerMissing() || mosquittoUnavailable();
const NONE = ['gas', 'fire', 'stranger', 'battery', 'temperature'].map((name) => `${name}: null`).join(', ');
const run = promisify(execFile);

describe('a robot with a discovery server', { skip, timeout: 180_000 }, () => {
  let fixtures: Fixtures;
  let server: DiscoveryServer;
  let kitchen: RosPeer;
  let robot: TestRobot;
  let agent: Program | undefined;
  /** As a service on a TurtleBot 4: its setup sets False wherever there is no terminal. */
  let env: NodeJS.ProcessEnv;

  before(async () => {
    fixtures = await Fixtures.open();
    server = await DiscoveryServer.start();
    const variables = { ROS_DISCOVERY_SERVER: server.address, ROS_SUPER_CLIENT: 'False' };
    env = { ...process.env, ...variables };
    kitchen = await RosPeer.start('kitchen_robot', variables);
    await kitchen.publish('/fall_detected', 'std_msgs/msg/Bool', { data: false }, { durability: 'transient_local' });
    robot = await fixtures.addRobot({ config: `channels: { ${NONE}, fall: { topic: /fall_detected, type: auto, class: alert } }\n` });
  });

  after(async () => {
    await agent?.stop();
    await kitchen?.close();
    await server?.stop();
    await fixtures?.close();
  });

  it('has its topics in `topics`', async () => {
    const { stdout } = await run(AGENT, ['topics'], { env });
    assert.match(stdout, /\/fall_detected .* std_msgs\/msg\/Bool {2}by \/kitchen_robot \(reliable, transient_local\) {2}-> fall/);
  });

  it('has its topics in the file that `config init` writes', async () => {
    await kitchen.publish('/kitchen/level', 'std_msgs/msg/Int32', { data: 3 });
    const file = join(robot.folder, 'found.yaml');
    await run(AGENT, ['config', 'init', file, '--json'], { env });
    const { channels } = parse(readFileSync(file, 'utf8')) as { channels: Record<string, { topic: string }> };
    assert.ok(Object.values(channels).some((channel) => channel?.topic === '/kitchen/level'));
  });

  it('is healthy for the doctor, which sees only the clients of the server', async () => {
    const { checks, causes } = await robot.examine(env);
    assert.deepEqual(
      causes.map(({ code }) => code),
      ['agent'],
    );
    const observed = Object.fromEntries(checks.map((check) => [check.code, check.observed]));
    assert.equal(observed.discovery_server, `${server.address} answers`);
    assert.match(String(observed.graph), /published by \/kitchen_robot$/);
    assert.match(String(observed['channel.fall']), /^\/fall_detected by \/kitchen_robot/);
  });

  it('is there, but cannot be seen, for a doctor that does not know the server', async () => {
    const env = { ROS_DOMAIN_ID: '229', ROS_DISCOVERY_SERVER: server.address };
    const hidden = await RosPeer.start('hidden', env);
    try {
      const channels = `channels: { ${NONE}, fall: { topic: /hidden/fall } }\n`;
      const found = await (await fixtures.addRobot({ config: `ros: { domain_id: 229 }\n${channels}` })).examine();
      assertCause(found, 'graph', /no node of the robot is there; .*; 1 program of this machine in this domain cannot be seen$/);
      assert.match(String(found.causes[0]?.remedy), /^compare ROS_DISCOVERY_SERVER/);
    } finally {
      await hidden.close();
    }
  });

  it('is received by an agent whose channel has the type auto', async () => {
    agent = new Program('agent', AGENT, ['run', '--config', robot.configFile], robot.env(env));
    await agent.event('connected');
    await kitchen.publish('/fall_detected', 'std_msgs/msg/Bool', { data: true }, { durability: 'transient_local' });
    const isRaised = ({ channels: [fall] }: Status) => fall?.type === 'std_msgs/msg/Bool' && fall.alert;
    const { ros } = await eventually(() => askStatus(robot.stateDir), isRaised, 'the fall is an alert');
    assert.equal(ros.discovery_server, server.address);
  });

  it('is not judged by a doctor in a shell that does not name the server', async () => {
    const found = await robot.examine();
    assertCause(found, 'discovery_server', new RegExp(`the running agent uses the discovery server ${server.address}, and this check no`));
    assert.match(String(found.causes[0]?.command), new RegExp(`^ROS_DISCOVERY_SERVER='?${server.address}'? elderly-bot doctor `));
    await agent?.stop();
    agent = undefined;
  });

  it('is named as the only cause if it does not answer, with its address', async () => {
    const address = `127.0.0.1:${await freeUdpPort()}`;
    const found = await robot.examine({ ROS_DISCOVERY_SERVER: `;${address}` });
    assertCause(found, 'discovery_server', new RegExp(`^no answer from the discovery server ${address}, so no node finds another$`));
    const hidden = found.checks.filter(({ hidden_by: by }) => by === 'discovery_server').map(({ code }) => code);
    assert.deepEqual(hidden.sort(), ['channel.fall', 'graph']);
  });

  it('is named as the only cause if its host has no address', async () => {
    const found = await robot.examine({ ROS_DISCOVERY_SERVER: 'robot.invalid:11811' });
    assertCause(found, 'discovery_server', /^ROS_DISCOVERY_SERVER is "robot\.invalid:11811": robot\.invalid has no address/);
  });

  it('is not to blame if it answers and no node is there', async () => {
    const empty = await DiscoveryServer.start();
    try {
      const found = await robot.examine({ ROS_DISCOVERY_SERVER: empty.address });
      assertCause(found, 'graph', new RegExp(`^ROS domain \\d+ at the discovery server ${empty.address}: no node of the robot is there`));
    } finally {
      await empty.stop();
    }
  });
});
