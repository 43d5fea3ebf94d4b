// Checks that only an alert and a link that comes up end the backoff early: the real uplink, and a broker that returns.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, mock } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { defaultRoutes } from '../../src/uplink/network/links.ts';
import { ReconnectWait } from '../../src/uplink/reconnect.ts';
import { freePort } from '../support/ports.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

/** No test waits this long: a connection before then was an early one. */
const BACKOFF_MS = 600_000;
const ALERT = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } } as const;

describe('the wait for the next connection attempt', { timeout: 120_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let port: number;
  let broker: ScriptedBroker | undefined;
  let bench: UplinkBench;
  const links = new Set(['wlan0 10.0.0.2']);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-reconnect-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs `work` with an uplink whose broker is away, in the middle of its backoff. */
  const away = async (work: () => Promise<void>) => {
    port = await freePort();
    const backoff = { minMs: BACKOFF_MS, maxMs: BACKOFF_MS };
    bench = startUplink(files, port, { backoff, readLinks: () => new Set(links), connectTimeoutMs: 20_000, ackTimeoutMs: 20_000 });
    try {
      await until(() => bench.uplink.status().state === 'waiting', 'the agent waits');
      await work();
    } finally {
      await bench.stop();
      await broker?.stop();
      broker = undefined;
    }
  };
  const leftMs = () => bench.uplink.status().next_attempt_ms ?? 0;

  it('is shown by the status, and is not shortened by rows that are not urgent', async () => {
    await away(async () => {
      assert.ok(leftMs() > BACKOFF_MS - 60_000, `${leftMs()}`);
      bench.outbox.append({ class: 'telemetry', channel: 'temperature', value: 20 });
      bench.outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
      bench.outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'x', queued: 0, oldest_at: null } });
      bench.outbox.flush();
      assert.ok(leftMs() > BACKOFF_MS - 60_000, `${leftMs()}`);
    });
  });

  it('ends at once for a new alert', async () => {
    await away(async () => {
      broker = await ScriptedBroker.start(files, {}, port);
      bench.outbox.append(ALERT);
      await until(() => broker?.taken.get('box/1') === 1, 'the alert is acknowledged');
    });
  });

  it('ends soon after the broker’s return if the alert was raised while it was away', async () => {
    await away(async () => {
      bench.outbox.append(ALERT);
      await until(() => bench.uplink.status().failures_in_a_row === 2, 'the extra attempt fails');
      assert.ok(leftMs() <= 10_000, `${leftMs()}`);
      broker = await ScriptedBroker.start(files, {}, port);
      await until(() => broker?.taken.get('box/1') === 1, 'the alert is acknowledged', { patienceMs: 60_000 });
    });
  });

  it('ends when a link comes up, but not when one goes down', async () => {
    await away(async () => {
      broker = await ScriptedBroker.start(files, {}, port);
      links.clear();
      const shortened = until(() => leftMs() < BACKOFF_MS / 2, 'the wait is shortened', { patienceMs: 5_000 });
      await assert.rejects(shortened, /in vain/);
      links.add('wwan0 10.0.0.3');
      await until(() => bench.uplink.status().state === 'connected', 'the agent connects');
    });
  });

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
