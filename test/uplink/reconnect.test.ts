// Checks the limits of extra attempts, and the links that the agent sees. test/situations shows what ends a wait early.
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { defaultRoutes } from '../../src/uplink/network/links.ts';
import { ReconnectWait } from '../../src/uplink/reconnect.ts';

const BACKOFF_MS = 600_000;

describe('the wait for the next connection attempt', { timeout: 300_000 }, () => {
  it('has one extra attempt in 10 s at most, for alerts and for links each', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    let nowMs = 0;
    const waits = new ReconnectWait({ mono: () => nowMs });
    const attempts: number[] = [];
    const signal = new AbortController();
    const waiting = (async () => {
      while (!signal.signal.aborted) {
        await waits.wait(BACKOFF_MS, signal.signal);
        attempts.push(nowMs);
      }
    })();
    for (; nowMs < 60_000; nowMs += 100) {
      if (nowMs % 700 === 0) waits.hurry('alert');
      mock.timers.tick(100);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
    const count = attempts.length;
    signal.abort();
    await waiting;
    mock.timers.reset();
    assert.ok(count === 6 || count === 7, attempts.join(' '));
    const gaps = attempts.slice(1, count).map((ms, i) => ms - (attempts[i] ?? 0));
    assert.ok(
      gaps.every((ms) => ms >= 9_900),
      gaps.join(' '),
    );
    assert.ok(waits.mayTryExtra('link'));
    assert.ok(!waits.mayTryExtra('link'));
  });
});

describe('the default routes of a machine', () => {
  it('are read from the kernel’s tables without unreachable ones', () => {
    const v4 = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
      'wlan0\t0002A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0',
      'wwan0\t00000000\t00000000\t0002\t0\t0\t700\t00000000\t0\t0\t0',
    ].join('\n');
    const zero = '0'.repeat(32);
    const gateway = 'fe800000000000000000000000000001';
    const v6 = [
      `${zero} 00 ${zero} 00 ${gateway} 00000400 00000001 00000000 00000003    wlan0`,
      `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
    ].join('\n');
    assert.deepEqual(defaultRoutes(v4, v6), ['wlan0 default 0102A8C0', `wlan0 default ${gateway}`]);
    assert.deepEqual(defaultRoutes('', ''), []);
  });
});
