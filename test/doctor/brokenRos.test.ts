// Each system is broken on purpose in one way, with real parts. The doctor shows exactly this cause first, with a remedy and a command,
// and puts all consequences under it. This file: ROS 2 and the publishers.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findMosquitto } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { Fixtures } from './fixtures.ts';
import { names } from './names.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');

describe('the doctor, if one thing of ROS 2 is broken', { skip, timeout: 300_000, concurrency: 4 }, () => {
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
  });

  after(() => fixtures?.close());

  const config = (text: string) => fixtures.addRobot({ config: text });

  it('there is no ROS 2', async () => {
    const robot = await fixtures.addRobot();
    const found = await robot.examine({ AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: join(robot.folder, 'none') });
    names(found, 'ros', /no ROS 2 environment/);
    assert.ok(found.checks.filter(({ hidden_by: by }) => by === 'ros').length >= 8, 'the channels are consequences');
  });

  it('the requested ROS middleware is not installed', async () => {
    names(await (await fixtures.addRobot()).examine({ RMW_IMPLEMENTATION: 'rmw_none_cpp' }), 'ros', /rmw_none_cpp/);
  });

  it('a message package is missing', async () => {
    const channel = 'channels: { door: { topic: /door, type: home_msgs/msg/Door } }\n';
    names(await (await config(channel)).examine(), 'message_types', /channel door: .*package home_msgs is not installed/);
  });

  it('this ROS domain is not the robot’s', async () => {
    names(await (await config('ros: { domain_id: 231 }\n')).examine(), 'graph', /nothing at all is published in ROS domain 231/);
  });

  it('a channel’s topic has no publisher', async () => {
    names(await (await config('channels: { gas: { topic: /gaz_detected } }\n')).examine(), 'channel.gas', /the topic has no publisher/);
  });

  it('the topic carries another type', async () => {
    names(
      await (await config('channels: { gas: { topic: /level } }\n')).examine(),
      'channel.gas',
      /\/house publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/,
    );
  });

  it('the publisher’s quality of service is lower than the channel’s', async () => {
    const found = await (await config('channels: { gas: { topic: /best_effort, qos: default } }\n')).examine();
    names(found, 'channel.gas', /\/house offers best_effort, volatile; this channel asks for reliable/);
  });

  it('the messages have no such field', async () => {
    names(await (await config('channels: { gas: { field: state } }\n')).examine(), 'channel.gas', /no field state/);
  });

  it('the stamps are old', async () => {
    names(
      await (await config('channels: { temperature: { topic: /recorded } }\n')).examine(),
      'channel.temperature',
      /stamps are \d+ s old/,
    );
  });

  it('a sensor with max_silence is there and silent', async () => {
    names(
      await (await config('channels: { gas: { topic: /mute, max_silence: 30s } }\n')).examine(),
      'channel.gas',
      /is there, and no message came/,
    );
  });
});
