import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Commands } from '../../src/commands/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { CommandJournal } from '../../src/outbox/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { commandsOn } from '../support/runningCommands.ts';
import { until } from '../support/until.ts';

const commands = configSchema.shape.commands.parse({
  stop: { topic: '/cmd_vel', type: 'geometry_msgs/Twist', message: { linear: { x: 0 } } },
  drive: {
    topic: '/cmd_vel',
    type: 'geometry_msgs/Twist',
    message: { linear: { x: '$linear' } },
    args: { linear: { type: 'number' }, duration_ms: { type: 'integer', min: 50, max: 2000, default: 2000 } },
    motion: true,
    when: [],
  },
  ping: { does: 'ping' },
  buzzer: { topic: '/buzzer_command', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } }, rate: 3 },
});

describe('running commands', () => {
  let bench: OutboxBench;
  let published: unknown[];
  let subscribers: number;
  let fails: boolean;
  beforeEach(() => {
    bench = outboxBench();
    published = [];
    subscribers = 1;
    fails = false;
  });
  afterEach(() => bench.remove());

  const start = () => {
    const publisher = {
      get subscribers() {
        return subscribers;
      },
      publish(message: unknown) {
        if (fails) throw new Error('no such field');
        published.push(message);
      },
    };
    const running = commandsOn(bench, commands, {
      publishers: new Map(['buzzer', 'stop', 'drive'].map((name) => [name, [publisher]])),
      builtin: { ping: () => Promise.reject(new Error('the action failed')) },
    });
    running.start();
    return running;
  };
  const send = (running: Commands, id: string, over: object = {}) => {
    const now = bench.clock.wall();
    const json = { id, thing: 'bot', command: 'buzzer', value: true, issued_at: now, expires_at: now + 5_000, ...over };
    running.receive({ payload: Buffer.from(JSON.stringify(json)), retained: false, expiryMs: undefined });
    return new Promise((resolve) => setImmediate(resolve));
  };
  const results = () => {
    bench.outbox.flush();
    const found: { id: string; status: string; reason?: string }[] = [];
    for (;;) {
      const claim = bench.outbox.claim('result', { maxRows: 1, maxBytes: 100_000 });
      if (!claim) return found.map(({ id, status, reason }) => (reason ? [id, status, reason] : [id, status]));
      for (const { body } of claim.rows) found.push(JSON.parse(`{${body}}`));
    }
  };

  it('publishes a repeated command once, and adds one result', async () => {
    const running = start();
    await send(running, 'a');
    await send(running, 'a');
    bench.outbox.flush();
    await send(running, 'a');
    assert.deepEqual(published, [{ data: true }]);
    assert.deepEqual(results(), [['a', 'done']]);
    assert.deepEqual(running.counts(), { done: 1, duplicate: 2 });
  });

  it('remembers executed commands across a restart', async () => {
    await send(start(), 'a');
    bench.outbox.flush();
    bench.reopen();
    await send(start(), 'a');
    assert.equal(published.length, 1);
    assert.deepEqual(results(), [['a', 'done']]);
  });

  it('reports unknown for a command that a crash interrupted, and never runs it again', async () => {
    new CommandJournal(bench.db, () => 0).begin('a', 'buzzer', 0);
    bench.reopen();
    const running = start();
    await send(running, 'a');
    assert.deepEqual(published, []);
    assert.deepEqual(results(), [['a', 'unknown']]);
  });

  it('adds one result for a refused command', async () => {
    const running = start();
    await send(running, 'a', { value: 'loud' });
    await send(running, 'a', { value: 'loud' });
    assert.deepEqual(results(), [['a', 'rejected', 'bad_arguments']]);
  });

  it('reports a missing subscriber, and a message that ROS refuses', async () => {
    const running = start();
    bench.clock.advance(10_000);
    subscribers = 0;
    await send(running, 'a');
    await until(() => running.counts().no_effect === 1, 'the command ended without an effect');
    subscribers = 1;
    fails = true;
    await send(running, 'b');
    assert.deepEqual(results(), [
      ['a', 'no_effect'],
      ['b', 'failed', 'ros_error'],
    ]);
  });

  it('waits after the start until ROS discovers a subscriber, except for motions and expired commands', async () => {
    const running = start();
    subscribers = 0;
    const beganMs = performance.now();
    await send(running, 'a');
    await send(running, 'expires-soon', { expires_at: bench.clock.wall() + 1_200 });
    await send(running, 'moves', { command: 'drive', value: undefined, args: { linear: 1 } });
    await until(() => running.counts().no_effect === 2, 'two commands ended without an effect');
    assert.ok(performance.now() - beganMs < 2_500, 'each ended at its own limit');
    subscribers = 1;
    await until(() => running.counts().done === 1, 'the command ran');
    assert.deepEqual(results().toSorted(), [
      ['a', 'done'],
      ['expires-soon', 'no_effect'],
      ['moves', 'no_effect'],
    ]);
    assert.deepEqual(published, [{ data: true }]);
  });

  it('does not delay the agent’s stop while it waits for a subscriber', async () => {
    const running = start();
    subscribers = 0;
    await send(running, 'a');
    const beganMs = performance.now();
    await running.stop();
    assert.ok(performance.now() - beganMs < 500);
    assert.deepEqual(results(), [['a', 'rejected', 'not_allowed']]);
  });

  it('refuses commands above the rate, and admits them again a minute later', async () => {
    const running = start();
    for (const id of ['a', 'b', 'c', 'd']) await send(running, id);
    bench.clock.advance(60_001);
    await send(running, 'e');
    assert.deepEqual(
      results().map(([, ...rest]) => rest.join(' ')),
      ['done', 'done', 'done', 'rejected rate_limited', 'done'],
    );
  });

  const driven = { command: 'drive', value: undefined, args: { linear: 0.2 } };
  const zero = { linear: { x: 0 } };
  const moving = { linear: { x: 0.2 } };

  it('publishes a stop before the waiting commands, and rejects the waiting motions', async () => {
    const running = start();
    const sent = [
      send(running, 'a'),
      send(running, 'b', driven),
      send(running, 'c'),
      send(running, 's', { command: 'stop', value: undefined }),
    ];
    await Promise.all(sent);
    await until(() => (running.counts().done ?? 0) + (running.counts().rejected ?? 0) === 4, 'all commands have a result');
    assert.deepEqual(published, [{ data: true }, zero, { data: true }]);
    assert.deepEqual(results().sort(), [
      ['a', 'done'],
      ['b', 'rejected', 'not_allowed'],
      ['c', 'done'],
      ['s', 'done'],
    ]);
  });

  it('ends a motion when the link is lost and when the agent stops', async () => {
    const running = start();
    await send(running, 'a', driven);
    assert.equal(running.moving, 'drive');
    running.halt('the link to the broker was lost');
    assert.equal(running.moving, null);
    await send(running, 'b', driven);
    await running.stop();
    assert.equal(running.moving, null);
    assert.deepEqual(published, [moving, {}, zero, moving, {}, zero]);
  });

  it('publishes a stop even if the disk is full, and writes both results later', async () => {
    const running = start();
    bench.db.pragma('query_only = ON');
    await send(running, 'a', { command: 'stop', value: undefined });
    await send(running, 'b');
    assert.deepEqual(published, [zero]);
    bench.db.pragma('query_only = OFF');
    assert.deepEqual(results(), [
      ['a', 'done'],
      ['b', 'failed'],
    ]);
  });

  it('reports failed if a built-in action fails', async () => {
    const running = start();
    await send(running, 'a', { command: 'ping', value: undefined });
    assert.deepEqual(results(), [['a', 'failed']]);
  });

  it('does not run a command whose start can’t be recorded', async () => {
    const running = start();
    bench.db.close();
    await send(running, 'a');
    assert.deepEqual(published, []);
  });
});
