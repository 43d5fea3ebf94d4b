// Systems broken on purpose, each in one way and with real parts: the doctor names exactly that, first, with what to do and what to
// type, and puts all that follows from it under it. Here: ROS 2 and those who publish.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findMosquitto } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { Ward } from './fixtures.ts';
import { names } from './names.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');

describe('the doctor, where one thing of ROS 2 is broken', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let ward: Ward;

  before(async () => {
    ward = await Ward.open();
    ward.publish('/best_effort', 'std_msgs/msg/Bool', () => ({ data: false }), {
      reliability: 'best_effort',
      durability: 'volatile',
      depth: 5,
    });
    ward.publish('/level', 'std_msgs/msg/Int32', () => ({ data: 3 }));
    ward.publish('/recorded', 'sensor_msgs/msg/Temperature', () => ({
      temperature: 20,
      header: { stamp: { sec: 1_600_000_000, nanosec: 0 } },
    }));
    ward.advertise('/mute', 'std_msgs/msg/Bool');
  });

  after(() => ward?.close());

  const config = (text: string) => ward.admit({ config: text });

  it('there is no ROS 2', async () => {
    const patient = await ward.admit();
    const found = await patient.examine({ AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: join(patient.folder, 'none') });
    names(found, 'ros', /no ROS 2 environment/);
    assert.ok(found.checks.filter(({ hidden_by: by }) => by === 'ros').length >= 8, 'channels are under it');
  });

  it('the ROS middleware that is asked for is not installed', async () => {
    names(await (await ward.admit()).examine({ RMW_IMPLEMENTATION: 'rmw_none_cpp' }), 'ros', /rmw_none_cpp/);
  });

  it('a message package is missing', async () => {
    const channel = 'channels: { door: { topic: /door, type: home_msgs/msg/Door } }\n';
    names(await (await config(channel)).examine(), 'message_types', /channel door: .*package home_msgs is not installed/);
  });

  it('this ROS domain is not the robot’s', async () => {
    names(await (await config('ros: { domain_id: 231 }\n')).examine(), 'graph', /nothing at all is published in ROS domain 231/);
  });

  it('nobody publishes on a channel’s topic', async () => {
    names(await (await config('channels: { gas: { topic: /gaz_detected } }\n')).examine(), 'channel.gas', /nobody publishes/);
  });

  it('the topic carries another type', async () => {
    names(
      await (await config('channels: { gas: { topic: /level } }\n')).examine(),
      'channel.gas',
      /\/house publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/,
    );
  });

  it('the publisher offers less than the channel asks for', async () => {
    const found = await (await config('channels: { gas: { topic: /best_effort, qos: default } }\n')).examine();
    names(found, 'channel.gas', /\/house offers best_effort, volatile; this channel asks for reliable/);
  });

  it('the messages have no such field', async () => {
    names(await (await config('channels: { gas: { field: state } }\n')).examine(), 'channel.gas', /no field state/);
  });

  it('the stamps are of long ago', async () => {
    names(
      await (await config('channels: { temperature: { topic: /recorded } }\n')).examine(),
      'channel.temperature',
      /stamps are \d+ s old/,
    );
  });

  it('a sensor that may not be silent is there and silent', async () => {
    names(
      await (await config('channels: { gas: { topic: /mute, max_silence: 30s } }\n')).examine(),
      'channel.gas',
      /is there, and nothing came/,
    );
  });
});
