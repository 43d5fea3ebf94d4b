// Tests the doctor with real parts. Each test breaks one part of ROS 2 or its publishers. The doctor must report exactly this cause first,
// with a remedy and a command, and list all consequences under it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { installCommand, startRosNode } from '../../src/ros/index.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { assertCause, Fixtures } from './fixtures.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

/** No test publishes in it. */
const EMPTY_DOMAIN = 230;

describe('the doctor with one fault of ROS 2', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let fixtures: Fixtures;

  before(async () => {
    fixtures = await Fixtures.open();
    fixtures.publish('/best_effort', 'std_msgs/msg/Bool', () => ({ data: false }), {
      reliability: 'best_effort',
      durability: 'volatile',
      depth: 5,
    });
    fixtures.publish('/level', 'std_msgs/msg/Int32', () => ({ data: 3 }));
    fixtures.publish('/recorded', 'sensor_msgs/msg/Temperature', () => ({
      temperature: 20,
      header: { stamp: { sec: 1_600_000_000, nanosec: 0 } },
    }));
    fixtures.advertise('/mute', 'std_msgs/msg/Bool');
    fixtures.advertise('/fall_event', 'std_msgs/msg/Empty');
    fixtures.advertise('/hall/ffmpeg', 'std_msgs/msg/UInt8MultiArray');
    fixtures.advertise('/hall/compressed', 'sensor_msgs/msg/CompressedImage');
  });

  after(() => fixtures?.close());

  const config = (text: string) => fixtures.addRobot({ config: text });

  it('reports that ROS 2 is missing', async () => {
    const robot = await fixtures.addRobot();
    const found = await robot.examine({ AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: join(robot.folder, 'none') });
    assertCause(found, 'ros', /no ROS 2 environment/);
    assert.ok(found.checks.filter(({ hidden_by: by }) => by === 'ros').length >= 8, 'the channels are consequences');
  });

  it('warns that the network can join the ROS graph, unless ros.open_to_network is true', async () => {
    // Without ROS 2, so that no node of the test joins the network.
    const environment = { AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: '/none', ROS_AUTOMATIC_DISCOVERY_RANGE: 'SUBNET' };
    const found = await (await fixtures.addRobot()).examine(environment);
    assert.equal(found.checks.find(({ code }) => code === 'ros_network')?.status, 'warning');
    const meant = await (await config('ros: { open_to_network: true }\n')).examine(environment);
    assert.equal(meant.checks.find(({ code }) => code === 'ros_network')?.status, 'ok');
  });

  it('reports a ROS middleware that is not installed', async () => {
    assertCause(await (await fixtures.addRobot()).examine({ RMW_IMPLEMENTATION: 'rmw_none_cpp' }), 'ros', /rmw_none_cpp/);
  });

  it('reports missing message packages, and the command that installs all of them here', async () => {
    const parts =
      'channels: { door: { topic: /door, type: home_msgs/msg/Door } }\ncommands: { lamp: { topic: /lamp, type: lamp_msgs/Lamp, message: {} } }\n';
    const found = await (await config(parts)).examine();
    assertCause(found, 'message_types', /channel door: .*package home_msgs is not installed.*command lamp: .*lamp_msgs/);
    const { command } = found.checks.find(({ code }) => code === 'message_types') ?? {};
    assert.equal(command, installCommand(['home_msgs', 'lamp_msgs']));
  });

  it('reports an alert that no message can raise, although its detector is silent', async () => {
    const robot = await config('channels: { fall: { topic: /fall_event, type: std_msgs/msg/Empty } }\n');
    const found = await robot.examine();
    assertCause(found, 'channel.fall', /\/fall_event: std_msgs\/msg\/Empty: the message has no fields, so it has no value/);
    assert.match(found.checks.find(({ code }) => code === 'channel.fall')?.remedy ?? '', /this line works: event: true$/);
  });

  it('reports a camera whose topic carries no images, and the topic that does', async () => {
    const cameras = `uploads: { api: "https://127.0.0.1:9" }\ncameras: { hall: { topic: /hall/ffmpeg }, kitchen: { topic: /hall/compressed } }\n`;
    const { checks } = await (await config(cameras)).examine();
    const of = (code: string) => checks.find((check) => check.code === code);
    const [hall, kitchen] = [of('camera.hall'), of('camera.kitchen')];
    assert.equal(hall?.status, 'error');
    assert.match(
      hall?.observed ?? '',
      /^\/hall\/ffmpeg: std_msgs\/msg\/UInt8MultiArray is published, expected sensor_msgs\/msg\/CompressedImage or/,
    );
    assert.match(hall?.remedy ?? '', /^use \/hall\/compressed, which carries images$/);
    assert.equal(kitchen?.status, 'ok', JSON.stringify(kitchen));
  });

  it('reports only the package, and the other channels as they are, if one channel’s package is missing', async () => {
    const channels = 'channels: { door: { topic: /door, type: home_msgs/msg/Door }, gas: { topic: /level } }\n';
    const { causes, checks } = await (await config(channels)).examine();
    const codes = causes.map(({ code }) => code).filter((code) => code !== 'agent');
    assert.deepEqual(codes, ['message_types', 'channel.gas']);
    assert.equal(checks.find(({ code }) => code === 'channel.door')?.hidden_by, 'message_types');
  });

  it('reports a ROS domain without the robot as the only cause, and the domain that has it', async () => {
    const found = await (await config('ros: { domain_id: 231 }\n')).examine();
    assertCause(found, 'graph', /^ROS domain 231: no node of the robot is there; ros\.domain_id is 231 \(.*robot\.yaml:4:8\)/);
    const { id } = fixtures.domain;
    const observed = String(found.causes[0]?.observed);
    assert.match(observed, new RegExp(`ROS_DOMAIN_ID is ${id} in this shell; in domain ${id}, /sensors publishes .*more topics`));
    assert.deepEqual(
      [found.causes[0]?.remedy, found.causes[0]?.command],
      [`if the robot is in domain ${id}: set ros.domain_id to ${id}, and restart the agent`, `ROS_DOMAIN_ID=${id} elderly-bot topics`],
    );
    const channels = found.checks.filter(({ code }) => code.startsWith('channel.'));
    assert.ok(channels.length >= 6 && channels.every(({ hidden_by: by }) => by === 'graph'));
  });

  it('finds the robot by its ports if the shell names the wrong domain too', async () => {
    const found = await (await fixtures.addRobot()).examine({ ROS_DOMAIN_ID: '231' });
    assertCause(found, 'graph', /^ROS domain 231: .*; ROS_DOMAIN_ID is 231 in this shell, and ros\.domain_id is not set; in domain /);
    assert.match(String(found.causes[0]?.observed), new RegExp(`in domain ${fixtures.domain.id}, /sensors publishes`));
  });

  it('does not take the nodes of an agent, a guard and a doctor for the robot', async () => {
    const names = ['elderly_bot_agent', 'elderly_bot_agent_guard', 'elderly_bot_agent_cameras', 'elderly_bot_doctor'];
    const own = await Promise.all(names.map((name) => startRosNode({ name, namespace: '/home', domainId: EMPTY_DOMAIN })));
    for (const node of own) node.advertise('/gas_detected', 'std_msgs/msg/Bool');
    try {
      const robot = await config(`ros: { domain_id: ${EMPTY_DOMAIN}, namespace: /home }\n`);
      assertCause(await robot.examine(), 'graph', /no node of the robot is there/);
    } finally {
      for (const node of own) await node.stop();
    }
  });

  it('reports a topic without a publisher', async () => {
    assertCause(
      await (await config('channels: { gas: { topic: /gaz_detected } }\n')).examine(),
      'channel.gas',
      /\/gaz_detected: the topic has no publisher; did you mean \/gas_detected, which \/sensors publishes\?/,
    );
  });

  it('reports a topic of another type', async () => {
    assertCause(
      await (await config('channels: { gas: { topic: /level } }\n')).examine(),
      'channel.gas',
      /\/sensors publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/,
    );
  });

  it('reports a publisher with a lower quality of service than the channel’s', async () => {
    const found = await (await config('channels: { gas: { topic: /best_effort, qos: default } }\n')).examine();
    assertCause(found, 'channel.gas', /\/sensors offers best_effort, volatile; this channel asks for reliable/);
  });

  it('reports a field that the messages do not have', async () => {
    assertCause(await (await config('channels: { gas: { field: state } }\n')).examine(), 'channel.gas', /no field "state".*data/);
  });

  it('reports old stamps', async () => {
    assertCause(
      await (await config('channels: { temperature: { topic: /recorded } }\n')).examine(),
      'channel.temperature',
      /stamps are \d+ s old/,
    );
  });

  it('reports a silent sensor with max_silence', async () => {
    assertCause(
      await (await config('channels: { gas: { topic: /mute, max_silence: 30s } }\n')).examine(),
      'channel.gas',
      /is its publisher, but no message arrived/,
    );
  });
});
