// Tests the real node against an independent implementation: rclpy, in its own process.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AgentError } from '../../src/errors.ts';
import { type QosProfile, type RosMessage, type RosNode, startRosNode } from '../../src/ros/index.ts';
import { type Fields, type PeerQos, RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const RELIABLE: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 1000 };

describe('with rclpy', { skip: rosUnavailable() }, () => {
  let domain: RosDomain;
  let node: RosNode;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
    node = await startRosNode({ name: 'elderly_bot_agent', namespace: '/robot', domainId: domain.id });
    peer = await RosPeer.start();
  });
  after(async () => {
    await peer.close();
    await node.stop();
    await domain.release();
  });

  /** Subscribes in this process, and waits until the subscription matches rclpy's publisher. */
  async function receive(topic: string, type: string, qos = RELIABLE, peerQos?: PeerQos) {
    const messages: RosMessage[] = [];
    const errors: Error[] = [];
    const subscription = node.subscribe({
      topic,
      type,
      qos,
      onMessage: (message) => messages.push(message),
      onError: (error) => errors.push(error),
    });
    await peer.advertise(topic, type, peerQos);
    await peer.matched(topic);
    return { messages, errors, subscription };
  }

  /** Makes rclpy subscribe, and waits until its subscription matches our publisher. */
  async function advertise(topic: string, type: string, qos?: QosProfile) {
    await peer.subscribe(topic, type);
    const publisher = node.advertise(topic, type, qos);
    await until(() => publisher.subscribers === 1, `${topic} is matched`);
    return publisher;
  }

  test('the sensors of the default robot arrive: Bool, BatteryState with NaN, Temperature with its stamp', async () => {
    const gas = await receive('/gas_detected', 'std_msgs/msg/Bool');
    const battery = await receive('/battery_state', 'sensor_msgs/msg/BatteryState');
    const temperature = await receive('/jetson_temperature', 'sensor_msgs/msg/Temperature');
    await peer.publish('/gas_detected', 'std_msgs/msg/Bool', { data: true });
    await peer.publish('/gas_detected', 'std_msgs/msg/Bool', { data: false });
    await peer.publish('/battery_state', 'sensor_msgs/msg/BatteryState', {
      percentage: 0.87,
      temperature: 'NaN',
      capacity: 'Infinity',
      power_supply_status: 2,
      present: true,
      cell_voltage: [4.1, 'NaN'],
      serial_number: 'Zelle № 7',
    });
    await peer.publish('/jetson_temperature', 'sensor_msgs/msg/Temperature', {
      header: { stamp: { sec: 1_763_929_999, nanosec: 123_456_789 }, frame_id: 'jetson' },
      temperature: 41.2,
    });
    await until(
      () => gas.messages.length === 2 && battery.messages.length === 1 && temperature.messages.length === 1,
      'all messages arrived',
    );
    assert.deepEqual(gas.messages, [{ data: true }, { data: false }]);
    assert.deepEqual(temperature.messages, [
      { header: { stamp: { sec: 1_763_929_999, nanosec: 123_456_789 }, frame_id: 'jetson' }, temperature: 41.2, variance: 0 },
    ]);
    const read = battery.messages[0];
    assert.equal(read?.percentage, Math.fround(0.87));
    assert.equal(read?.temperature, Number.NaN);
    assert.equal(read?.capacity, Infinity);
    assert.equal(read?.power_supply_status, 2);
    assert.equal(read?.serial_number, 'Zelle № 7');
    assert.deepEqual(read?.cell_voltage, Float32Array.of(4.1, Number.NaN));
  });

  test('a command arrives: Bool, text with umlauts, numbers and a nested message', async () => {
    const buzzer = await advertise('/buzzer_command', 'std_msgs/msg/Bool');
    buzzer.publish({ data: true });
    assert.deepEqual(await peer.next('/buzzer_command'), { data: true });
    const speech = await advertise('/say', 'std_msgs/msg/String');
    speech.publish({ data: 'Guten Morgen, Frau Müller 👵' });
    assert.deepEqual(await peer.next('/say'), { data: 'Guten Morgen, Frau Müller 👵' });
    const drive = await advertise('/cmd_vel', 'geometry_msgs/msg/Twist');
    drive.publish({ linear: { x: 0.25 }, angular: { z: -Infinity } });
    assert.deepEqual(await peer.next('/cmd_vel'), { linear: { x: 0.25, y: 0, z: 0 }, angular: { x: 0, y: 0, z: '-Infinity' } });
  });

  const there = { uint64_value: '18446744073709551615', int64_value: '-9223372036854775808', float32_value: 'NaN', byte_value: 255 };
  const cases: [type: string, fields: Fields][] = [
    ['test_msgs/msg/BasicTypes', { ...there, bool_value: true, char_value: 200, int8_value: -128, uint32_value: 4_294_967_295 }],
    ['test_msgs/msg/Defaults', {}],
    ['test_msgs/msg/Empty', {}],
    ['test_msgs/msg/Strings', { string_value: 'häuslich', bounded_string_value: '0123456789012345678901' }],
    ['test_msgs/msg/Arrays', {}],
    ['test_msgs/msg/UnboundedSequences', { float64_values: [1.5, 'NaN'], basic_types_values: [there, {}], int64_values: [1, -2] }],
    ['test_msgs/msg/BoundedSequences', { uint16_values: [1, 2, 65_535], string_values: ['', 'ü'], bool_values: [true] }],
    ['test_msgs/msg/MultiNested', {}],
    ['test_msgs/msg/Builtins', { time_value: { sec: -1, nanosec: 999_999_999 }, duration_value: { sec: 5, nanosec: 1 } }],
    ['diagnostic_msgs/msg/DiagnosticArray', { status: [{ level: 2, name: 'a', values: [{ key: 'k', value: 'v' }] }, {}] }],
  ];
  for (const [type, fields] of cases) {
    test(`${type} returns unchanged from rclpy through this node`, async () => {
      const name = type.replaceAll('/', '_').toLowerCase();
      const back = await advertise(`/back_${name}`, type);
      const { messages } = await receive(`/there_${name}`, type);
      await peer.subscribe(`/there_${name}`, type);
      await peer.matched(`/there_${name}`, 2);
      await peer.publish(`/there_${name}`, type, fields);
      const original = await peer.next(`/there_${name}`);
      await until(() => messages.length === 1, 'the message arrived');
      back.publish(messages[0] ?? {});
      assert.deepEqual(await peer.next(`/back_${name}`), original);
    });
  }

  test('omitted fields get the defaults of the definition, as in rclpy', async () => {
    for (const type of ['test_msgs/msg/Defaults', 'test_msgs/msg/Arrays', 'test_msgs/msg/Strings', 'test_msgs/msg/BoundedSequences']) {
      const topic = `/defaults_${type.split('/')[2]}`;
      const publisher = await advertise(topic, type);
      publisher.publish({});
      const ours = await peer.next(topic);
      await peer.publish(topic, type, {});
      assert.deepEqual(ours, await peer.next(topic), type);
    }
  });

  test('a value beyond a bound of the definition is refused', () => {
    const strings = node.advertise('/bounds_strings', 'test_msgs/msg/Strings');
    assert.throws(() => strings.publish({ bounded_string_value: 'x'.repeat(23) }), /bounded_string_value is "x+", expected string<=22/);
    const sequences = node.advertise('/bounds_sequences', 'test_msgs/msg/BoundedSequences');
    assert.throws(() => sequences.publish({ int8_values: [1, 2, 3, 4] }), /int8_values is an array of 4, expected int8\[<=3\]/);
    const arrays = node.advertise('/bounds_arrays', 'test_msgs/msg/Arrays');
    assert.throws(() => arrays.publish({ int8_values: [1, 2] }), /int8_values is an array of 2, expected int8\[3\]/);
    assert.throws(() => arrays.publish({ basic_types_values: [{}, {}, { int8_value: 128 }] }), /basic_types_values\[2\].int8_value is 128/);
  });

  test('a best-effort publisher reaches a best-effort subscription', async () => {
    const { messages } = await receive(
      '/vague',
      'std_msgs/msg/Bool',
      { ...RELIABLE, reliability: 'best_effort' },
      { reliability: 'best_effort' },
    );
    // The publisher may be connected before this node knows it, and without reliability its message would be lost.
    await until(() => node.publishersOf('/vague').length === 1, 'the publisher is discovered');
    await peer.publish('/vague', 'std_msgs/msg/Bool', { data: true });
    await until(() => messages.length === 1, 'the message arrived');
    assert.deepEqual(
      node.publishersOf('/vague').map(({ node: name, type, qos }) => ({ name, type, qos })),
      [{ name: 'peer', type: 'std_msgs/msg/Bool', qos: { reliability: 'best_effort', durability: 'volatile' } }],
    );
  });

  test('the last message of a transient-local publisher reaches a late subscription', async () => {
    const latched = { durability: 'transient_local', depth: 1 } as const;
    await peer.publish('/door_open', 'std_msgs/msg/Bool', { data: false }, latched);
    await peer.publish('/door_open', 'std_msgs/msg/Bool', { data: true }, latched);
    const { messages } = await receive('/door_open', 'std_msgs/msg/Bool', { ...RELIABLE, durability: 'transient_local' }, latched);
    await until(() => messages.length > 0, 'the message arrived');
    assert.deepEqual(messages, [{ data: true }]);
  });

  test('malformed samples are counted and reported, and the next valid sample arrives', async () => {
    const { messages, errors, subscription } = await receive('/malformed', 'std_msgs/msg/String');
    const malformed = ['00', '00010000', '00010000ffffffff', '00010000ffffff7f6162', '0099000001000000', '0001000005000000616263'];
    for (const hex of malformed) await peer.publishBytes('/malformed', 'std_msgs/msg/String', Buffer.from(hex, 'hex'));
    await peer.publish('/malformed', 'std_msgs/msg/String', { data: 'good' });
    await until(() => messages.length === 1, 'the valid message arrived');
    assert.deepEqual(messages, [{ data: 'good' }]);
    assert.equal(subscription.invalid, malformed.length);
    assert.equal(subscription.received, malformed.length + 1);
    assert.equal(errors.length, malformed.length);
    for (const error of errors) {
      assert.ok(error instanceof AgentError);
      assert.equal(error.code, 'ROS_MESSAGE_INVALID');
      assert.match(error.message, /^a sample of \d+ bytes on \/malformed is not a std_msgs\/msg\/String: /);
    }
  });

  test('a type with a wstring is refused, because its bytes differ between vendors', () => {
    assert.throws(
      () => node.advertise('/wide', 'test_msgs/msg/WStrings'),
      /WStrings: its field wstring_value is a wstring, which is not supported/,
    );
  });

  test('a type that is defined in IDL only is refused with that reason', () => {
    assert.throws(() => node.advertise('/keyed', 'test_msgs/msg/KeyedLong'), /KeyedLong: test_msgs defines it in IDL only/);
  });

  test('4,000 messages a second arrive without loss and in order, even if each turn ends with 0.3 ms of other work', async () => {
    let turnsOfWork = 0;
    let working = false;
    let next = 0;
    let outOfOrder = 0;
    node.subscribe({
      topic: '/flood',
      type: 'std_msgs/msg/Float32',
      qos: RELIABLE,
      onMessage: ({ data }) => {
        if (data !== next) outOfOrder += 1;
        next += 1;
        if (working) return;
        working = true;
        setImmediate(() => {
          working = false;
          turnsOfWork += 1;
          const until = performance.now() + 0.3;
          while (performance.now() < until);
        });
      },
    });
    await peer.advertise('/flood', 'std_msgs/msg/Float32');
    await peer.matched('/flood');
    await peer.burst('/flood', 'std_msgs/msg/Float32', 8_000, 4_000);
    await until(() => next === 8_000, 'all messages arrived');
    assert.equal(outOfOrder, 0);
    assert.ok(turnsOfWork > 0);
  });
});
