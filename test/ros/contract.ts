// The contract of each RosNode, real or simulated. Each test has two nodes that can hear each other, and topics of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AgentError } from '../../src/errors.ts';
import type { QosProfile, RosMessage, RosNode } from '../../src/ros/index.ts';
import { until } from '../support/until.ts';
import { batchContract } from './batchContract.ts';
import { lifetimeContract, type Pair, RELIABLE, type TwoNodes } from './lifetimeContract.ts';

const BEST_EFFORT: QosProfile = { ...RELIABLE, reliability: 'best_effort' };
const LATCHED: QosProfile = { ...RELIABLE, durability: 'transient_local' };

export function rosNodeContract(label: string, open: () => Promise<TwoNodes>, skip: string | false): void {
  describe(label, { skip }, () => {
    let here: RosNode;
    let there: RosNode;
    before(async () => {
      ({ here, there } = await open());
    });
    after(async () => {
      await here.stop();
      await there.stop();
    });

    const pair: Pair = {
      here: () => here,
      hear: (topic, type, qos = RELIABLE) => {
        const messages: RosMessage[] = [];
        const errors: Error[] = [];
        const subscription = here.subscribe({
          topic,
          type,
          qos,
          onMessage: (message) => messages.push(message),
          onError: (error) => errors.push(error),
        });
        return { messages, errors, subscription };
      },
      speak: async (topic, type, qos = RELIABLE, listeners = 1) => {
        const publisher = there.advertise(topic, type, qos);
        await until(() => publisher.subscribers === listeners, `${topic} is matched`);
        return publisher;
      },
    };
    const { hear, speak } = pair;
    lifetimeContract(pair, open);
    batchContract(pair);

    test('a message arrives as it was published, NaN, infinity and umlauts included', async () => {
      const { messages, subscription } = hear('/whole', 'sensor_msgs/BatteryState');
      const publisher = await speak('/whole', 'sensor_msgs/msg/BatteryState');
      publisher.publish({
        header: { stamp: { sec: 1_763_929_999, nanosec: 999_999_999 }, frame_id: 'Küche 日本' },
        voltage: 12.5,
        temperature: Number.NaN,
        current: -Infinity,
        present: true,
        cell_voltage: [3.5, Number.NaN],
        location: 'slot "1"',
      });
      await until(() => messages.length === 1, 'it is there');
      const message = messages[0] as Record<string, unknown>;
      assert.deepEqual(message.header, { stamp: { sec: 1_763_929_999, nanosec: 999_999_999 }, frame_id: 'Küche 日本' });
      assert.equal(message.voltage, 12.5);
      assert.equal(message.temperature, Number.NaN);
      assert.equal(message.current, -Infinity);
      assert.equal(message.percentage, 0);
      assert.equal(message.present, true);
      assert.deepEqual(message.cell_voltage, Float32Array.of(3.5, Number.NaN));
      assert.deepEqual(message.cell_temperature, new Float32Array(0));
      assert.equal(message.location, 'slot "1"');
      assert.equal(subscription.received, 1);
    });

    test('arrays of messages within messages arrive', async () => {
      const { messages } = hear('/nested', 'diagnostic_msgs/msg/DiagnosticArray');
      const publisher = await speak('/nested', 'diagnostic_msgs/msg/DiagnosticArray');
      const status = [
        { level: 2, name: 'battery', message: 'low', hardware_id: 'b1', values: [{ key: 'cells', value: '4' }] },
        { level: 0, name: 'camera', message: '', hardware_id: '', values: [] },
      ];
      publisher.publish({ status });
      await until(() => messages.length === 1, 'it is there');
      assert.deepEqual(messages[0], { header: { stamp: { sec: 0, nanosec: 0 }, frame_id: '' }, status });
    });

    test('64-bit integers stay exact: a number if it can be, else a bigint', async () => {
      const { messages } = hear('/exact', 'std_msgs/msg/Int64');
      const publisher = await speak('/exact', 'std_msgs/msg/Int64');
      for (const data of [42, -1, 2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n]) publisher.publish({ data });
      await until(() => messages.length === 5, 'all are there');
      assert.deepEqual(
        messages.map(({ data }) => data),
        [42, -1, 2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n],
      );
    });

    test('a burst no deeper than the queue arrives whole and in order', async () => {
      const { messages } = hear('/burst', 'std_msgs/msg/Int32');
      const publisher = await speak('/burst', 'std_msgs/msg/Int32');
      for (let data = 0; data < 100; data += 1) publisher.publish({ data });
      await until(() => messages.length === 100, 'all are there');
      assert.deepEqual(
        messages.map(({ data }) => data),
        Array.from({ length: 100 }, (_, n) => n),
      );
    });

    test('a message that does not fit its type is refused by field and expected type, and not published', async () => {
      const { messages } = hear('/checked', 'sensor_msgs/msg/BatteryState');
      const publisher = await speak('/checked', 'sensor_msgs/msg/BatteryState');
      const refused = (message: RosMessage, text: RegExp) =>
        assert.throws(
          () => publisher.publish(message),
          (error) => {
            assert.ok(error instanceof AgentError);
            assert.equal(error.code, 'ROS_MESSAGE_INVALID');
            assert.match(error.message, text);
            return true;
          },
        );
      refused({ voltag: 1 }, /BatteryState has no field voltag, expected one of: header, voltage/);
      refused({ voltage: 'full' }, /field voltage is "full", expected float32/);
      refused({ present: 1 }, /field present is 1, expected bool/);
      refused({ power_supply_status: 256 }, /field power_supply_status is 256, expected uint8/);
      refused({ power_supply_status: 1.5 }, /field power_supply_status is 1.5, expected uint8/);
      refused({ cell_voltage: [1, null, 'x'] }, /field cell_voltage\[2\] is "x", expected float32/);
      refused({ cell_voltage: 3 }, /field cell_voltage is 3, expected float32\[\]/);
      refused({ header: { stamp: { sec: 0.5, nanosec: 0 } } }, /field header.stamp is an object, expected time as \{sec, nanosec\}/);
      refused({ header: { frame: 'x' } }, /no field header.frame, expected one of: stamp, frame_id/);
      refused({ header: 'x' }, /field header is "x", expected an object with the fields of std_msgs\/msg\/Header/);
      refused({ location: 'a\0b' }, /field location is "a\\u0000b", expected string/);
      publisher.publish({ voltage: 1 });
      await until(() => messages.length === 1, 'the good one is there');
      assert.equal(messages[0]?.voltage, 1);
    });

    test('an unknown package, message or kind of type is an error that says what to install', () => {
      const refused = (type: string, text: RegExp, remedy: RegExp) =>
        assert.throws(
          () => here.subscribe({ topic: '/unknown', type, qos: RELIABLE, onMessage: () => undefined }),
          (error) => {
            assert.ok(error instanceof AgentError);
            assert.equal(error.code, 'ROS_TYPE_UNKNOWN');
            assert.match(error.message, text);
            assert.match(error.remedy ?? '', remedy);
            return true;
          },
        );
      refused('house_msgs/msg/Door', /house_msgs/, /apt install ros-.*-house-msgs/);
      refused('Door', /"Door" is not a message type/, /PACKAGE\/msg\/NAME/);
      refused('std_srvs/srv/Trigger', /is of kind "srv" and not a message/, /PACKAGE\/msg\/NAME/);
      assert.throws(() => there.advertise('/unknown', 'house_msgs/msg/Door'), { code: 'ROS_TYPE_UNKNOWN' });
    });

    test('a name that is no topic is refused', () => {
      for (const topic of ['gas', '/2gas', '/gas detected', '/gas/', '/a//b', '/a__b', '', '/', '/gás']) {
        assert.throws(() => here.advertise(topic, 'std_msgs/msg/Bool'), { code: 'ROS_TOPIC_INVALID' }, topic);
      }
    });

    test('a late subscriber gets what a transient-local publisher kept, if it asks', async () => {
      const publisher = there.advertise('/latched', 'std_msgs/msg/Int32', { ...LATCHED, depth: 2 });
      for (const data of [1, 2, 3]) publisher.publish({ data });
      const late = hear('/latched', 'std_msgs/msg/Int32', LATCHED);
      const unasking = hear('/latched', 'std_msgs/msg/Int32', RELIABLE);
      await until(() => late.messages.length === 2 && publisher.subscribers === 2, 'the kept ones are there');
      publisher.publish({ data: 4 });
      await until(() => late.messages.length === 3 && unasking.messages.length === 1, 'the new one is there');
      assert.deepEqual(
        late.messages.map(({ data }) => data),
        [2, 3, 4],
      );
      assert.deepEqual(unasking.messages, [{ data: 4 }]);
    });

    test('best effort is heard by who asks no more, and not by who asks for reliable', async () => {
      const strict = hear('/effort', 'std_msgs/msg/Int32', RELIABLE);
      const content = hear('/effort', 'std_msgs/msg/Int32', BEST_EFFORT);
      const careless = await speak('/effort', 'std_msgs/msg/Int32', BEST_EFFORT, 1);
      careless.publish({ data: 1 });
      await until(() => content.messages.length === 1, 'it is there');
      const careful = await speak('/effort', 'std_msgs/msg/Int32', RELIABLE, 2);
      careful.publish({ data: 2 });
      await until(() => strict.messages.length === 1 && content.messages.length === 2, 'the reliable one is there');
      assert.deepEqual(strict.messages, [{ data: 2 }]);
    });

    test('another type under the same name is not heard, and shows among the publishers', async () => {
      const { messages } = hear('/twice', 'std_msgs/msg/Bool');
      const wrong = there.advertise('/twice', 'std_msgs/msg/String', LATCHED);
      wrong.publish({ data: 'x' });
      const right = here.advertise('/twice', 'std_msgs/msg/Bool');
      await until(() => right.subscribers === 1, '/twice is matched');
      right.publish({ data: true });
      await until(() => messages.length === 1, 'the right one is there');
      assert.deepEqual(messages, [{ data: true }]);
      await until(() => here.publishersOf('/twice').length === 2, 'both are known');
      const seen = here.publishersOf('/twice').toSorted((a, b) => a.type.localeCompare(b.type));
      assert.deepEqual(
        seen.map(({ type, qos }) => ({ type, qos })),
        [
          { type: 'std_msgs/msg/Bool', qos: { reliability: 'reliable', durability: 'volatile' } },
          { type: 'std_msgs/msg/String', qos: { reliability: 'reliable', durability: 'transient_local' } },
        ],
      );
      assert.deepEqual(
        here
          .topics()
          .find(({ topic }) => topic === '/twice')
          ?.types.toSorted(),
        ['std_msgs/msg/Bool', 'std_msgs/msg/String'],
      );
      assert.deepEqual(here.publishersOf('/nobody'), []);
    });

    test('one node cannot use a topic with two types', () => {
      hear('/double', 'std_msgs/msg/Bool');
      assert.throws(() => here.advertise('/double', 'std_msgs/msg/String'), { code: 'ROS_TOPIC_INVALID' });
    });
  });
}
