// Tests when the watchdog sends pings and when it does not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HealthProbe, serviceManager, Watchdog } from '../../src/service/index.ts';

const unexpected = (error: unknown): never => assert.fail(String(error));

function fixture(probe?: Partial<HealthProbe>) {
  const sent: (readonly string[])[] = [];
  const stalls: (string | undefined)[] = [];
  let nowMs = 0;
  const watchdog = new Watchdog({
    manager: { watchdogMs: 30_000, notify: (...lines) => void sent.push(lines), close: () => {} },
    now: () => nowMs,
    onStall: (reason) => void stalls.push(reason),
  });
  if (probe) watchdog.watch({ ask: () => Promise.resolve(undefined), describe: () => 'fine', ...probe });
  const ping = async (ms = 10_000) => {
    nowMs += ms;
    watchdog.ping();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { watchdog, sent, stalls, ping };
}

describe('the watchdog’s ping', () => {
  it('is sent with a status line while the agent is healthy', async () => {
    const { sent, ping } = fixture({});
    await ping();
    assert.deepEqual(sent, [['WATCHDOG=1', 'STATUS=fine']]);
  });

  it('is not sent while ROS callbacks are not served, and one stall is reported', async () => {
    const { sent, stalls, ping } = fixture({ ask: () => new Promise(() => {}) });
    for (let n = 0; n < 4; n++) await ping();
    assert.deepEqual([sent, stalls], [[], ['ROS callbacks are not served']]);
  });

  it('is not sent while the probe reports a fault, and is sent again after that', async () => {
    let reason: string | undefined = 'the database';
    const { sent, stalls, ping } = fixture({ ask: () => Promise.resolve(reason) });
    await ping();
    await ping();
    reason = undefined;
    await ping();
    assert.deepEqual([sent.length, stalls], [1, ['the database', undefined]]);
  });

  it('is sent during a start, for at most 300 s', async () => {
    const { sent, stalls, ping } = fixture();
    for (let n = 0; n < 40; n++) await ping();
    assert.deepEqual([sent.length, stalls], [29, ['the agent has not started within 300 s']]);
  });

  it('ignores the answer of an agent that has stopped', async () => {
    let answer: (reason: undefined) => void = () => {};
    const { watchdog, sent, ping } = fixture({ ask: () => new Promise((resolve) => (answer = resolve)) });
    await ping();
    watchdog.watch({ ask: () => new Promise(() => {}), describe: () => 'new' });
    answer(undefined);
    await ping();
    assert.deepEqual(sent, []);
  });
});

describe('the service manager', () => {
  it('sends nothing without a notify socket or if its address is not a Unix socket', () => {
    for (const NOTIFY_SOCKET of [undefined, '', 'vsock:2:9']) {
      const manager = serviceManager({ NOTIFY_SOCKET, WATCHDOG_USEC: '1000000' }, unexpected);
      manager.notify('READY=1');
      assert.equal(manager.watchdogMs, undefined);
    }
  });

  it('ignores a socket that does not exist, and watches only the process in WATCHDOG_PID', () => {
    const env = { NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '3000000' };
    const mine = serviceManager({ ...env, WATCHDOG_PID: String(process.pid) }, unexpected);
    const parents = serviceManager({ ...env, WATCHDOG_PID: '1' }, unexpected);
    mine.notify('READY=1');
    assert.deepEqual([mine.watchdogMs, parents.watchdogMs], [3_000, undefined]);
    mine.close();
    parents.close();
  });
});
