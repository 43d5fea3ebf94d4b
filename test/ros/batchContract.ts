// Tests the part of the contract about samples that may wait (`everyMs`), and about urgent samples at the same time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { QosProfile } from '../../src/ros/index.ts';
import { until } from '../support/until.ts';
import { type Pair, RELIABLE } from './lifetimeContract.ts';

const NUMBER = 'std_msgs/msg/Int32';
const NEWEST: QosProfile = { ...RELIABLE, depth: 1 };

export function batchContract({ here, receive, advertise }: Pair): void {
  /** Subscribes, and collects the numbers in groups. A group was delivered in one task. */
  const gather = (topic: string, everyMs: number, qos: QosProfile = RELIABLE) => {
    const groups: unknown[][] = [];
    let isOpen = false;
    const subscription = here().subscribe({
      topic,
      type: NUMBER,
      qos,
      everyMs,
      onMessage: ({ data }) => {
        if (isOpen) groups.at(-1)?.push(data);
        else groups.push([data]);
        isOpen = true;
        setImmediate(() => {
          isOpen = false;
        });
      },
    });
    return { groups, subscription };
  };

  test('samples that may wait arrive in groups on a busy topic, and at once on a calm topic', async () => {
    const everyMs = 300;
    const { groups } = gather('/gathered', everyMs);
    const publisher = await advertise('/gathered', NUMBER);
    publisher.publish({ data: 0 });
    await until(() => groups.length === 1, 'the first sample arrived');
    for (let data = 1; data <= 30; data += 1) {
      publisher.publish({ data });
      await wait(3);
    }
    await until(() => groups.flat().length === 31, 'all messages arrived');
    assert.deepEqual(
      groups.flat(),
      Array.from({ length: 31 }, (_, n) => n),
    );
    assert.ok(groups.length < 10, `${groups.length} groups`);
    await wait(4 * everyMs);
    const atMs = performance.now();
    publisher.publish({ data: 31 });
    await until(() => groups.flat().length === 32, 'the late sample arrived');
    assert.ok(performance.now() - atMs < everyMs, `${performance.now() - atMs} ms`);
  });

  test('with depth 1 each group is the newest sample, and the last sample always arrives', async () => {
    const { groups, subscription } = gather('/newest', 100, NEWEST);
    const witness = receive('/newest', NUMBER);
    const publisher = await advertise('/newest', NUMBER, RELIABLE, 2);
    for (let data = 0; data < 60; data += 1) {
      publisher.publish({ data });
      await wait(3);
    }
    await until(() => groups.at(-1)?.at(-1) === 59 && witness.messages.length === 60, 'the last sample arrived');
    assert.ok(
      groups.every(({ length }) => length === 1),
      JSON.stringify(groups),
    );
    assert.ok(subscription.received < 20, `${subscription.received} were taken`);
  });

  test('an urgent topic does not wait beside a busy topic with everyMs', async () => {
    const { groups } = gather('/slow', 3_000);
    const urgent = receive('/urgent', NUMBER);
    const [slow, quick] = [await advertise('/slow', NUMBER), await advertise('/urgent', NUMBER)];
    for (let data = 0; data < 20; data += 1) {
      slow.publish({ data });
      await wait(1);
    }
    const atMs = performance.now();
    quick.publish({ data: 1 });
    await until(() => urgent.messages.length === 1, 'the message arrived');
    assert.ok(performance.now() - atMs < 500, `${performance.now() - atMs} ms`);
    assert.ok(groups.flat().length < 20, 'the other samples wait');
  });

  test('poll takes the waiting samples, but not after closing', async () => {
    const { groups, subscription } = gather('/asked', 3_000);
    const witness = receive('/asked', NUMBER);
    const publisher = await advertise('/asked', NUMBER, RELIABLE, 2);
    for (const data of [0, 1, 2, 3]) {
      publisher.publish({ data });
      await until(() => witness.messages.length === data + 1, `${data} arrived`);
    }
    assert.deepEqual(groups.flat(), [0]);
    subscription.poll();
    assert.deepEqual(groups.flat(), [0, 1, 2, 3]);
    publisher.publish({ data: 4 });
    await until(() => witness.messages.length === 5, '4 arrived');
    subscription.close();
    subscription.poll();
    await here().turn();
    assert.deepEqual(groups.flat(), [0, 1, 2, 3]);
  });
}
