// Tests the part of the contract about callbacks, closing and stopping.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  KeepableNode,
  QosProfile,
  RosMessage,
  RosNode,
  RosPublisher,
  RosSubscription,
  SubscribeOptions,
} from '../../src/ros/index.ts';
import { until } from '../support/until.ts';

export const RELIABLE: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 100 };

export interface TwoNodes {
  readonly here: KeepableNode;
  readonly there: RosNode;
}

/** Two nodes in one domain. The first node subscribes, and the second node publishes. */
export interface Pair {
  here(): KeepableNode;
  receive(
    topic: string,
    type: string,
    qos?: SubscribeOptions['qos'],
  ): { messages: RosMessage[]; errors: Error[]; subscription: RosSubscription };
  /** Resolves when this number of subscriptions is matched. The default is 1. */
  advertise(topic: string, type: string, qos?: QosProfile, subscribers?: number): Promise<RosPublisher>;
}

export function lifetimeContract({ here, receive, advertise }: Pair, open: () => Promise<TwoNodes>): void {
  test('an exception of onMessage is reported to onError, and all topics still receive messages', async () => {
    const other = receive('/bystander', 'std_msgs/msg/Int32');
    const errors: Error[] = [];
    const seen: unknown[] = [];
    const faulty = here().subscribe({
      topic: '/faulty',
      type: 'std_msgs/msg/Int32',
      qos: RELIABLE,
      onMessage: ({ data }) => {
        seen.push(data);
        if (data === 1) throw new Error('handler broke');
      },
      onError: (error) => {
        errors.push(error);
        throw new Error('the error handler broke too');
      },
    });
    const warned: Error[] = [];
    const onWarning = (warning: Error) => warned.push(warning);
    process.on('warning', onWarning);
    const publisher = await advertise('/faulty', 'std_msgs/msg/Int32');
    const bystander = await advertise('/bystander', 'std_msgs/msg/Int32');
    for (const data of [0, 1, 2]) publisher.publish({ data });
    bystander.publish({ data: 7 });
    await until(() => seen.length === 3 && other.messages.length === 1 && warned.length === 1, 'all messages arrived');
    process.off('warning', onWarning);
    assert.deepEqual(seen, [0, 1, 2]);
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['handler broke'],
    );
    assert.match(String(warned[0]), /error handler broke too/);
    assert.deepEqual([faulty.received, faulty.failed, faulty.invalid], [3, 1, 0]);
  });

  test('a promise of onMessage continues at once, not with the next message', async () => {
    const { promise, resolve } = withResolvers<number>();
    here().subscribe({
      topic: '/promise',
      type: 'std_msgs/msg/Bool',
      qos: RELIABLE,
      onMessage: () => {
        const at = performance.now();
        void Promise.resolve().then(() => resolve(performance.now() - at));
      },
    });
    const publisher = await advertise('/promise', 'std_msgs/msg/Bool');
    publisher.publish({ data: true });
    assert.ok((await promise) < 50);
  });

  test('a closed subscription receives no more messages, even if its own handler closes it', async () => {
    const seen: unknown[] = [];
    const subscription = here().subscribe({
      topic: '/closing',
      type: 'std_msgs/msg/Int32',
      qos: RELIABLE,
      onMessage: ({ data }) => {
        seen.push(data);
        if (data === 1) subscription.close();
      },
    });
    const witness = receive('/closing', 'std_msgs/msg/Int32');
    const publisher = await advertise('/closing', 'std_msgs/msg/Int32', RELIABLE, 2);
    for (const data of [0, 1, 2, 3]) publisher.publish({ data });
    await until(() => witness.messages.length === 4, 'the other subscription has all messages');
    await until(() => publisher.subscribers === 1, 'the closed subscription has disappeared');
    assert.deepEqual(seen, [0, 1]);
    subscription.close();
  });

  test('a closed publisher disappears from the graph, and its use is an error', async () => {
    receive('/leaving', 'std_msgs/msg/Bool');
    const publisher = await advertise('/leaving', 'std_msgs/msg/Bool');
    publisher.close();
    publisher.close();
    assert.equal(publisher.subscribers, 0);
    assert.throws(() => publisher.publish({ data: true }), { code: 'CLOSED' });
    await until(() => here().publishersOf('/leaving').length === 0, 'the publisher has disappeared');
  });

  test('a turn of the executor follows a request', async () => {
    const before = here().turns;
    await here().turn();
    assert.ok(here().turns > before);
  });

  test('a stop under load takes less than a second, no callback follows, and later calls are refused', async (context) => {
    const { here: receiver, there: sender } = await open();
    let received = 0;
    receiver.subscribe({ topic: '/last', type: 'std_msgs/msg/Int32', qos: RELIABLE, onMessage: () => (received += 1) });
    const publisher = sender.advertise('/last', 'std_msgs/msg/Int32');
    await until(() => publisher.subscribers === 1, '/last is matched');
    const timer = setInterval(() => publisher.publish({ data: 1 }), 0);
    context.after(() => clearInterval(timer));
    await until(() => received > 10, 'messages arrive');
    const at = performance.now();
    const first = receiver.stop();
    const receivedAtStop = received;
    assert.equal(receiver.stop(), first);
    await first;
    assert.ok(performance.now() - at < 1000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(received, receivedAtStop);
    assert.throws(() => receiver.advertise('/last', 'std_msgs/msg/Bool'), { code: 'CLOSED' });
    assert.throws(() => receiver.topics(), { code: 'CLOSED' });
    clearInterval(timer);
    await sender.stop();
  });
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
