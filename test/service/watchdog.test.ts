// Who is asked, and when nothing is said: the watchdog's pings.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Heart, type Pulse, serviceManager } from '../../src/service/index.ts';

const unexpected = (error: unknown): never => assert.fail(String(error));

function world(pulse?: Partial<Pulse>) {
  const told: (readonly string[])[] = [];
  const stalls: (string | undefined)[] = [];
  let nowMs = 0;
  const heart = new Heart({
    manager: { watchdogMs: 30_000, tell: (...lines) => void told.push(lines), close: () => {} },
    now: () => nowMs,
    onStall: (why) => void stalls.push(why),
  });
  if (pulse) heart.of({ ask: () => Promise.resolve(undefined), describe: () => 'fine', ...pulse });
  const beat = async (ms = 10_000) => {
    nowMs += ms;
    heart.beat();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { heart, told, stalls, beat };
}

describe('the watchdog’s ping', () => {
  it('goes out with a line for a person while all is well', async () => {
    const { told, beat } = world({});
    await beat();
    assert.deepEqual(told, [['WATCHDOG=1', 'STATUS=fine']]);
  });

  it('stays away while ROS callbacks are not served, however often it is asked for', async () => {
    const { told, stalls, beat } = world({ ask: () => new Promise(() => {}) });
    for (let n = 0; n < 4; n++) await beat();
    assert.deepEqual([told, stalls], [[], ['ROS callbacks are not served']]);
  });

  it('stays away while something says why it hangs, and comes back when that is over', async () => {
    let why: string | undefined = 'the database';
    const { told, stalls, beat } = world({ ask: () => Promise.resolve(why) });
    await beat();
    await beat();
    why = undefined;
    await beat();
    assert.deepEqual([told.length, stalls], [1, ['the database', undefined]]);
  });

  it('goes out during a start, but not for ever', async () => {
    const { told, stalls, beat } = world();
    for (let n = 0; n < 40; n++) await beat();
    assert.deepEqual([told.length, stalls], [29, ['the agent has not come up']]);
  });

  it('does not take the answer of an agent that is gone', async () => {
    let answer: (why: undefined) => void = () => {};
    const { heart, told, beat } = world({ ask: () => new Promise((resolve) => (answer = resolve)) });
    await beat();
    heart.of({ ask: () => new Promise(() => {}), describe: () => 'new' });
    answer(undefined);
    await beat();
    assert.deepEqual(told, []);
  });
});

describe('the service manager', () => {
  it('is silent where there is none, or where the address is none', () => {
    for (const NOTIFY_SOCKET of [undefined, '', 'vsock:2:9']) {
      const manager = serviceManager({ NOTIFY_SOCKET, WATCHDOG_USEC: '1000000' }, unexpected);
      manager.tell('READY=1');
      assert.equal(manager.watchdogMs, undefined);
    }
  });

  it('does not mind one that is gone, and knows whom the watchdog is for', () => {
    const env = { NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '3000000' };
    const mine = serviceManager({ ...env, WATCHDOG_PID: String(process.pid) }, unexpected);
    const parents = serviceManager({ ...env, WATCHDOG_PID: '1' }, unexpected);
    mine.tell('READY=1');
    assert.deepEqual([mine.watchdogMs, parents.watchdogMs], [3_000, undefined]);
    mine.close();
    parents.close();
  });
});
