// Tests which published topic a configured topic without a publisher probably means.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import { didYouMean, type Published } from '../../src/sensing/index.ts';

const BOOL = 'std_msgs/msg/Bool';

/** Topics by their types, all of one node. */
const published = (topics: Readonly<Record<string, string>>): Published[] =>
  Object.entries(topics).map(([topic, type]) => ({ topic, types: [type], publishers: [{ node: '/kitchen_robot' }] }));

const config = (channels: object, others: { cameras?: object; commands?: object } = {}) => ({
  channels: configSchema.shape.channels.parse(channels),
  cameras: configSchema.shape.cameras.parse(others.cameras ?? {}),
  commands: configSchema.shape.commands.parse(others.commands ?? {}),
});

/** The topics of the question for a Bool channel `c` on `topic`, if these Bool topics are published. */
function meant(topic: string, ...others: string[]): string[] {
  const found = published(Object.fromEntries(others.map((other) => [other, BOOL])));
  const question = didYouMean(config({ c: { topic, type: BOOL } }), found).channel('c') ?? '';
  return [...question.matchAll(/(\/\S+), which/g)].map(([, name]) => String(name));
}

describe('the topic that a channel probably means', () => {
  it('is named in a question, with its publishers', () => {
    const [fall] = published({ '/vision/fall': BOOL });
    assert.ok(fall);
    const { channel } = didYouMean(config({ fall: { topic: '/fall_detected', type: BOOL } }), [
      { ...fall, publishers: [{ node: '/kitchen_robot' }, { node: '/spare' }, { node: '/spare' }] },
    ]);
    assert.equal(channel('fall'), 'did you mean /vision/fall, which /kitchen_robot and /spare publish?');
  });

  it('has the same name in another namespace, before all others', () => {
    assert.deepEqual(meant('/fall_detected', '/robot1/fall_detected', '/vision/fall'), ['/robot1/fall_detected']);
    assert.deepEqual(meant('/robot1/fall_detected', '/fall_detected'), ['/fall_detected']);
    assert.deepEqual(meant('/fall_detected', '/fallDetected'), ['/fallDetected']);
    assert.deepEqual(meant('/gas_detected', '/gas/detected'), ['/gas/detected']);
  });

  it('is each of several that fit equally well', () => {
    assert.deepEqual(meant('/fall_detected', '/robot1/fall_detected', '/robot2/fall_detected'), [
      '/robot1/fall_detected',
      '/robot2/fall_detected',
    ]);
  });

  it('has the word that says what the topic is about', () => {
    assert.deepEqual(meant('/fall_detected', '/detectors/fall/alarm', '/detectors/gas/alarm'), ['/detectors/fall/alarm']);
    assert.deepEqual(meant('/jetson_temperature', '/cpu/core_temperature', '/cpu/load'), ['/cpu/core_temperature']);
  });

  it('is the correct spelling', () => {
    assert.deepEqual(meant('/gaz_detectd', '/gas_detected', '/fire_detected'), ['/gas_detected']);
  });

  it('is never that of another danger, however similar the rest of the name is', () => {
    assert.deepEqual(meant('/gas_detected', '/fall_detected', '/fire_detected', '/stranger_detected'), []);
    assert.deepEqual(meant('/gas/detected', '/fall/detected'), []);
    assert.deepEqual(meant('/living_room_gas', '/living_room_fall'), []);
    assert.deepEqual(meant('/alarm', '/gas_alarm', '/alarm_state'), []);
  });

  it('has a type that the channel can take', () => {
    const found = published({ '/vision/fall': 'std_msgs/msg/String', '/fall/image': 'sensor_msgs/msg/Image' });
    const { channel } = didYouMean(config({ fixed: { topic: '/fall', type: BOOL }, auto: { topic: '/fall', type: 'auto' } }), found);
    assert.equal(channel('fixed'), undefined);
    assert.equal(channel('auto'), 'did you mean /vision/fall, which /kitchen_robot publishes?');
  });

  it('is neither used by another entry nor hidden', () => {
    const channels = { fall: { topic: '/fall_detected' }, posture: { topic: '/vision/fall' } };
    const found = published({ '/vision/fall': BOOL, '/lamp/fall': BOOL, '/walk/_action/fall': BOOL });
    const commands = { lamp: { topic: '/lamp/fall', type: BOOL, message: { data: true } } };
    assert.equal(didYouMean(config(channels, { commands }), found).channel('fall'), undefined);
  });

  it('is a topic of images for a camera', () => {
    const found = published({ '/front/image_raw': 'sensor_msgs/msg/Image', '/image_raw': BOOL });
    const { camera } = didYouMean(config({}, { cameras: { front: { topic: '/camera/image_raw' } } }), found);
    assert.equal(camera('front'), 'did you mean /front/image_raw, which /kitchen_robot publishes?');
  });
});
