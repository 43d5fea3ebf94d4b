// Tests the contract of each RosNode, real or simulated. Each test has two nodes in one domain, and its own topics.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AgentError } from '../../src/errors.ts';
import type { KeepableNode, QosProfile, RosMessage, RosNode } from '../../src/ros/index.ts';
import { until } from '../support/until.ts';
import { batchContract } from './batchContract.ts';
import { keptContract } from './keptContract.ts';
import { lifetimeContract, type Pair, RELIABLE, type TwoNodes } from './lifetimeContract.ts';
import { readersContract } from './readersContract.ts';

const BEST_EFFORT: QosProfile = { ...RELIABLE, reliability: 'best_effort' };
const LATCHED: QosProfile = { ...RELIABLE, durability: 'transient_local' };

export function rosNodeContract(label: string, open: () => Promise<TwoNodes>, skip: string | false): void {
  describe(label, { skip }, () => {
    let here: KeepableNode;
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
      receive: (topic, type, qos = RELIABLE) => {
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
      advertise: async (topic, type, qos = RELIABLE, subscribers = 1) => {
        const publisher = there.advertise(topic, type, qos);
        await until(() => publisher.subscribers === subscribers, `${topic} is matched`);
        return publisher;
      },
    };
    const { receive, advertise } = pair;
    lifetimeContract(pair, open);
    batchContract(pair);
    readersContract(pair);
    keptContract(pair);

    test('a message arrives as it was published, NaN, infinity and umlauts included', async () => {
      const { messages, subscription } = receive('/whole', 'sensor_msgs/BatteryState');
      const publisher = await advertise('/whole', 'sensor_msgs/msg/BatteryState');
      publisher.publish({
        header: { stamp: { sec: 1_763_929_999, nanosec: 999_999_999 }, frame_id: 'Küche 日本' },
        voltage: 12.5,
        temperature: Number.NaN,
        current: -Infinity,
        present: true,
        cell_voltage: [3.5, Number.NaN],
        location: 'slot "1"',
      });
      await until(() => messages.length === 1, 'the message arrived');
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

    test('a message with an array of nested messages arrives', async () => {
      const { messages } = receive('/nested', 'diagnostic_msgs/msg/DiagnosticArray');
      const publisher = await advertise('/nested', 'diagnostic_msgs/msg/DiagnosticArray');
      const status = [
        { level: 2, name: 'battery', message: 'low', hardware_id: 'b1', values: [{ key: 'cells', value: '4' }] },
        { level: 0, name: 'camera', message: '', hardware_id: '', values: [] },
      ];
      publisher.publish({ status });
      await until(() => messages.length === 1, 'the message arrived');
      assert.deepEqual(messages[0], { header: { stamp: { sec: 0, nanosec: 0 }, frame_id: '' }, status });
    });

    test('a 64-bit integer stays exact: it is a number if that is exact, else a bigint', async () => {
      const { messages } = receive('/exact', 'std_msgs/msg/Int64');
      const publisher = await advertise('/exact', 'std_msgs/msg/Int64');
      for (const data of [42, -1, 2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n]) publisher.publish({ data });
      await until(() => messages.length === 5, 'all messages arrived');
      assert.deepEqual(
        messages.map(({ data }) => data),
        [42, -1, 2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n],
      );
    });

    test('a burst that fits into the queue arrives completely and in order', async () => {
      const { messages } = receive('/burst', 'std_msgs/msg/Int32');
      const publisher = await advertise('/burst', 'std_msgs/msg/Int32');
      for (let data = 0; data < 100; data += 1) publisher.publish({ data });
      await until(() => messages.length === 100, 'all messages arrived');
      assert.deepEqual(
        messages.map(({ data }) => data),
        Array.from({ length: 100 }, (_, n) => n),
      );
    });

    test('an invalid message is not published, and the error names the field and the expected type', async () => {
      const { messages } = receive('/checked', 'sensor_msgs/msg/BatteryState');
      const publisher = await advertise('/checked', 'sensor_msgs/msg/BatteryState');
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
      await until(() => messages.length === 1, 'the valid message arrived');
      assert.equal(messages[0]?.voltage, 1);
    });

    test('an unknown package, message or kind of type is an error with a remedy', () => {
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
      refused('house_msgs/msg/Door', /house_msgs/, /(pip install --no-deps ros|apt install ros-.*)-house-msgs|source ROS 2/);
      refused('Door', /"Door" is not a message type/, /PACKAGE\/msg\/NAME/);
      refused('std_srvs/srv/Trigger', /is of kind "srv" and not a message/, /PACKAGE\/msg\/NAME/);
      assert.throws(() => there.advertise('/unknown', 'house_msgs/msg/Door'), { code: 'ROS_TYPE_UNKNOWN' });
    });

    test('an invalid topic name is refused', () => {
      for (const topic of ['gas', '/2gas', '/gas detected', '/gas/', '/a//b', '/a__b', '', '/', '/gás']) {
        assert.throws(() => here.advertise(topic, 'std_msgs/msg/Bool'), { code: 'ROS_TOPIC_INVALID' }, topic);
      }
    });

    test('a late subscriber that requests transient_local receives the kept samples of the publisher', async () => {
      const publisher = there.advertise('/latched', 'std_msgs/msg/Int32', { ...LATCHED, depth: 2 });
      for (const data of [1, 2, 3]) publisher.publish({ data });
      const late = receive('/latched', 'std_msgs/msg/Int32', LATCHED);
      const volatile = receive('/latched', 'std_msgs/msg/Int32', RELIABLE);
      await until(() => late.messages.length === 2 && publisher.subscribers === 2, 'the kept samples arrived');
      publisher.publish({ data: 4 });
      await until(() => late.messages.length === 3 && volatile.messages.length === 1, 'the new sample arrived');
      assert.deepEqual(
        late.messages.map(({ data }) => data),
        [2, 3, 4],
      );
      assert.deepEqual(volatile.messages, [{ data: 4 }]);
    });

    test('a best-effort publisher reaches best-effort subscriptions, but not reliable subscriptions', async () => {
      const reliable = receive('/effort', 'std_msgs/msg/Int32', RELIABLE);
      const bestEffort = receive('/effort', 'std_msgs/msg/Int32', BEST_EFFORT);
      const bestEffortPublisher = await advertise('/effort', 'std_msgs/msg/Int32', BEST_EFFORT, 1);
      bestEffortPublisher.publish({ data: 1 });
      await until(() => bestEffort.messages.length === 1, 'the message arrived');
      const reliablePublisher = await advertise('/effort', 'std_msgs/msg/Int32', RELIABLE, 2);
      reliablePublisher.publish({ data: 2 });
      await until(() => reliable.messages.length === 1 && bestEffort.messages.length === 2, 'the reliable sample arrived');
      assert.deepEqual(reliable.messages, [{ data: 2 }]);
    });

    test('a publisher with another type does not reach the subscription, and the list of publishers contains it', async () => {
      const { messages } = receive('/twice', 'std_msgs/msg/Bool');
      const wrong = there.advertise('/twice', 'std_msgs/msg/String', LATCHED);
      wrong.publish({ data: 'x' });
      const right = here.advertise('/twice', 'std_msgs/msg/Bool');
      await until(() => right.subscribers === 1, '/twice is matched');
      right.publish({ data: true });
      await until(() => messages.length === 1, 'the message of the right type arrived');
      assert.deepEqual(messages, [{ data: true }]);
      await until(() => here.publishersOf('/twice').length === 2, 'both publishers are discovered');
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

    test('the list of nodes has the full names of all nodes', async () => {
      for (const node of [here, there])
        await until(() => ['/here', '/there'].every((name) => node.nodes().includes(name)), 'both nodes are discovered');
    });

    test('the list of subscriptions contains those that match no publisher', async () => {
      receive('/heard', 'std_msgs/msg/Bool', LATCHED);
      there.subscribe({ topic: '/heard', type: 'std_msgs/msg/String', qos: BEST_EFFORT, onMessage: () => {} });
      await until(() => here.subscriptionsOf('/heard').length === 2, 'both subscriptions are discovered');
      const seen = here.subscriptionsOf('/heard').toSorted((a, b) => a.type.localeCompare(b.type));
      assert.deepEqual(
        seen.map(({ type, qos }) => ({ type, qos })),
        [
          { type: 'std_msgs/msg/Bool', qos: { reliability: 'reliable', durability: 'transient_local' } },
          { type: 'std_msgs/msg/String', qos: { reliability: 'best_effort', durability: 'volatile' } },
        ],
      );
      assert.deepEqual(here.subscriptionsOf('/nobody'), []);
    });

    test('a publisher knows that its samples are acknowledged, and a handler knows their size', async () => {
      const sizes: number[] = [];
      here.subscribe({ topic: '/sized', type: 'std_msgs/msg/String', qos: RELIABLE, onMessage: (_, size) => sizes.push(size) });
      const publisher = await advertise('/sized', 'std_msgs/msg/String');
      publisher.publish({ data: 'x'.repeat(1_000) });
      await until(() => sizes.length === 1, 'the sample arrived');
      assert.ok((sizes[0] ?? 0) >= 1_000 && (sizes[0] ?? 0) < 1_100, `${sizes[0]} bytes`);
      await until(() => publisher.isAcknowledged, 'the sample is acknowledged');
      publisher.close();
      assert.equal(publisher.isAcknowledged, false);
    });

    test('one node cannot use a topic with two types', () => {
      receive('/double', 'std_msgs/msg/Bool');
      assert.throws(() => here.advertise('/double', 'std_msgs/msg/String'), { code: 'ROS_TOPIC_INVALID' });
    });
  });
}
