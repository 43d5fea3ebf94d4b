// Tests the native functions without the rest of the program: every behaviour on which src/ros/native/ relies.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { claimDomain, type RosDomain } from '../../../scripts/lab/domain.ts';
import { functionProblems, type NativeBinding, type NativeHandle, toNativeQos } from '../../../src/ros/native/functions.ts';
import { DEFAULT_QOS } from '../../../src/ros/types.ts';
import { rosUnavailable } from '../../support/ros.ts';
import { until } from '../../support/until.ts';
import { loadTested, VERSION } from './rclnodejs.ts';

const TRUE = Buffer.from('0001000001', 'hex');
const BOOL = ['std_msgs', 'msg', 'Bool'] as const;
const WAIT_MS = 1_000;

describe(`the native functions of rclnodejs ${VERSION}`, { skip: rosUnavailable() }, () => {
  let domain: RosDomain;
  let native: NativeBinding;
  let context: NativeHandle;
  let node: NativeHandle;
  before(async () => {
    domain = await claimDomain();
    native = loadTested();
    context = native.createContext();
    native.init(context, ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'], BigInt(domain.id));
    node = native.createNode('contract', '/suite', context, [], false, null);
  });
  after(async () => {
    node.release();
    native.shutdown(context);
    context.release();
    await domain.release();
  });

  const publish = (topic: string, qos = DEFAULT_QOS) => native.createPublisher(node, ...BOOL, topic, toNativeQos(qos));
  const subscribe = (topic: string, qos = DEFAULT_QOS) => native.createSubscription(node, ...BOOL, topic, { qos: toNativeQos(qos) });
  const isMatched = (publisher: NativeHandle) => until(() => native.getSubscriptionCount(publisher) === 1, 'the topic is matched');

  test('all exist, and have the arguments of the table if the addon reports them', () => {
    assert.deepEqual(functionProblems(native), []);
  });

  test('deliver the bytes of several samples unchanged, and undefined if no sample waits', async () => {
    const [publisher, subscription] = [publish('/raw'), subscribe('/raw')];
    assert.equal(native.rclTakeRaw(subscription), undefined);
    await isMatched(publisher);
    for (let n = 0; n < 3; n += 1) native.publishRawMessage(publisher, TRUE);
    const taken: Buffer[] = [];
    await until(() => {
      const bytes = native.rclTakeRaw(subscription);
      if (bytes !== undefined) taken.push(bytes);
      return taken.length === 3;
    }, 'three samples are taken');
    for (const bytes of taken) assert.deepEqual(bytes.subarray(0, TRUE.length), TRUE);
    await until(() => native.waitForAllAcked(publisher, 0n), 'the subscription has acknowledged all samples');
    publisher.release();
    subscription.release();
  });

  test('report the graph with names, types and quality of service', async () => {
    const latched = publish('/graph', { reliability: 'reliable', durability: 'transient_local', depth: 1 });
    const vague = publish('/graph', { reliability: 'best_effort', durability: 'volatile', depth: 1 });
    await until(() => native.getPublishersInfoByTopic(node, '/graph', false).length === 2, 'both publishers are discovered');
    const endpoints = native.getPublishersInfoByTopic(node, '/graph', false).map((endpoint) => ({
      name: `${endpoint.node_namespace}/${endpoint.node_name}`,
      type: endpoint.topic_type,
      qos: [endpoint.qos_profile.reliability, endpoint.qos_profile.durability],
    }));
    const [name, type] = ['/suite/contract', 'std_msgs/msg/Bool'];
    assert.deepEqual(
      endpoints.toSorted((a, b) => (a.qos[0] ?? 0) - (b.qos[0] ?? 0)),
      [
        { name, type, qos: [1, 1] },
        { name, type, qos: [2, 2] },
      ],
    );
    assert.deepEqual(
      native.getTopicNamesAndTypes(node, false).filter((topic) => topic.name === '/graph'),
      [{ name: '/graph', types: [type] }],
    );
    const subscription = subscribe('/graph', { reliability: 'best_effort', durability: 'transient_local', depth: 1 });
    await until(() => native.getSubscriptionsInfoByTopic(node, '/graph', false).length === 1, 'the subscription is discovered');
    const [found] = native.getSubscriptionsInfoByTopic(node, '/graph', false);
    assert.deepEqual([found?.topic_type, found?.qos_profile.reliability, found?.qos_profile.durability], [type, 2, 1]);
    subscription.release();
    assert.deepEqual(native.getNodeNames(node, false), [{ name: 'contract', namespace: '/suite' }]);
    latched.release();
    vague.release();
    await until(() => native.getPublishersInfoByTopic(node, '/graph', false).length === 0, 'the released publishers have disappeared');
  });

  test('refuse a type without a library, with its name in the error', () => {
    assert.throws(() => native.createPublisher(node, 'house_msgs', 'msg', 'Door', '/door', toNativeQos(DEFAULT_QOS)), /typesupport/);
  });

  test('call `execute` with the ready handles, at once for a guard condition, and never without handles', async () => {
    const [publisher, subscription, guard] = [publish('/ready'), subscribe('/ready'), native.createGuardCondition(context)];
    await isMatched(publisher);
    const calls: (readonly NativeHandle[])[] = [];
    const executor = new (class extends native.ShadowNode {
      _subscriptions = [{ _handle: subscription }];
      _guards = [{ _handle: guard }];
      execute = (ready: readonly NativeHandle[]): void => {
        calls.push(ready);
        native.rclTakeRaw(subscription);
      };
    })();
    executor.start(context, WAIT_MS);
    native.publishRawMessage(publisher, TRUE);
    await until(() => calls.length === 1, 'the sample is ready');
    assert.deepEqual(
      calls[0]?.map((handle) => handle === subscription),
      [true],
    );
    const triggeredAtMs = performance.now();
    native.triggerGuardCondition(guard);
    await until(() => calls.length === 2, 'the guard condition is ready');
    assert.ok(performance.now() - triggeredAtMs < WAIT_MS / 2, 'the wait was interrupted');
    assert.deepEqual(
      calls[1]?.map((handle) => handle === guard),
      [true],
    );
    native.triggerGuardCondition(guard);
    executor._subscriptions = [];
    executor._guards = [];
    executor.syncHandles();
    await until(() => performance.now() - triggeredAtMs > 2 * WAIT_MS, 'the thread is parked');
    const callsWhenParked = calls.length;
    native.publishRawMessage(publisher, TRUE);
    await stat('/');
    executor.stop();
    assert.equal(calls.length, callsWhenParked);
    for (const handle of [publisher, subscription, guard]) handle.release();
  });
});
