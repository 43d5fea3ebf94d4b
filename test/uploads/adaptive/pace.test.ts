// Simulates uploads over different links, and checks how many bytes arrive and how long an alert would wait behind them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { queuedOf } from '../../../src/uploads/adaptive/gate.ts';
import { Pace, type PathState } from '../../../src/uploads/adaptive/pace.ts';
import { seeded } from '../../faults/random.ts';

interface Simulated {
  readonly bytes: number;
  /** The longest queue of the link. */
  readonly longestQueueMs: number;
  /** The longest queue after the first seconds. */
  readonly settledQueueMs: number;
}

interface Link {
  readonly bytesPerSecond: number;
  /** Delay in one direction. */
  readonly delayMs: number;
  /** Additional delay from other traffic. */
  readonly jitterMs?: () => number;
  /** Size of the token bucket. */
  readonly burstBytes?: number;
}

const SETTLED_AFTER_MS = 5_000;
/** Bytes of the headers of each packet. */
const HEADERS = 66;

/** Simulates an upload of this duration. */
function simulate(
  { bytesPerSecond, delayMs, jitterMs = () => 0, burstBytes = 0 }: Link,
  forMs: number,
  limit: number | null = null,
  path: PathState = {},
): Simulated {
  const pace = new Pace(limit, 0, path);
  const inFlight: { readonly bytes: number; readonly ackMs: number }[] = [];
  const burstMs = (burstBytes / bytesPerSecond) * 1_000;
  let [freeMs, bytes, longestQueueMs, settledQueueMs] = [-burstMs, 0, 0, 0];
  for (let nowMs = 0; nowMs < forMs; nowMs += Math.max(1, Math.round(pace.nextCheckMs(nowMs)))) {
    while (inFlight[0] && inFlight[0].ackMs <= nowMs) bytes += inFlight.shift()?.bytes ?? 0;
    const unacknowledged = inFlight.reduce((sum, part) => sum + part.bytes, 0);
    const allowed = pace.allowedBytes(nowMs, unacknowledged);
    if (allowed === 0) continue;
    freeMs = Math.max(freeMs, nowMs - burstMs) + ((allowed + HEADERS * Math.ceil(allowed / 1_460)) / bytesPerSecond) * 1_000;
    longestQueueMs = Math.max(longestQueueMs, freeMs - nowMs);
    if (nowMs > SETTLED_AFTER_MS) settledQueueMs = Math.max(settledQueueMs, freeMs - nowMs);
    inFlight.push({ bytes: allowed, ackMs: Math.max(nowMs, freeMs) + 2 * delayMs + jitterMs() });
    pace.recordSent(allowed, nowMs);
  }
  return { bytes, longestQueueMs, settledQueueMs };
}

describe('the pace of an upload', () => {
  it('keeps a slow link mostly busy, and its queue below a seventh of a second', () => {
    const { bytes, longestQueueMs } = simulate({ bytesPerSecond: 4_000, delayMs: 1 }, 60_000);
    assert.ok(bytes > 60 * 4_000 * 0.7, `${bytes} bytes in a minute`);
    assert.ok(longestQueueMs <= 150, `${longestQueueMs} ms`);
  });

  it('still sends one small packet at a time on a slow link after many tries of larger ones', () => {
    for (const delayMs of [1, 5, 10]) {
      const { bytes, settledQueueMs } = simulate({ bytesPerSecond: 3_500, delayMs }, 600_000);
      assert.ok(bytes > 600 * 3_500 * 0.6, `${bytes} bytes in ten minutes`);
      assert.ok(settledQueueMs <= 170, `${settledQueueMs} ms`);
    }
  });

  it('does not mistake the burst of a token bucket for the link’s rate', () => {
    for (const burstBytes of [1_600, 3_000]) {
      const { longestQueueMs, settledQueueMs } = simulate({ bytesPerSecond: 4_000, delayMs: 1, burstBytes }, 60_000);
      assert.ok(longestQueueMs <= 550, `${longestQueueMs} ms`);
      assert.ok(settledQueueMs <= 150, `${settledQueueMs} ms`);
    }
  });

  it('sends more than the smallest packets on a link with a long delay', () => {
    const { bytes } = simulate({ bytesPerSecond: 4_000, delayMs: 300 }, 60_000);
    assert.ok(bytes > 60 * 700, `${bytes} bytes in a minute`);
  });

  it('uses nearly half of a fast link, and keeps its queue short', () => {
    const { bytes, longestQueueMs } = simulate({ bytesPerSecond: 1_000_000, delayMs: 40 }, 20_000);
    assert.ok(bytes > 20 * 1_000_000 * 0.4, `${bytes} bytes in 20 s`);
    assert.ok(longestQueueMs <= 400, `${longestQueueMs} ms`);
  });

  it('does not mistake jitter for its own queue', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seeded(seed);
      const jitterMs = () => random.between(0, 150);
      for (const [bytesPerSecond, share] of [
        [1_000_000, 0.3],
        [100_000, 0.15],
      ] as const) {
        const { bytes } = simulate({ bytesPerSecond, delayMs: 10, jitterMs }, 20_000);
        assert.ok(bytes > 20 * bytesPerSecond * share, `${bytes} bytes in 20 s, seed ${seed}`);
      }
    }
  });

  it('shrinks the window after a burst that waited in a queue, but not because of a late check', () => {
    const path: PathState = { window: 65_536, atMs: 0 };
    const windowAfter = (arrivesMs: number): number => {
      const pace = new Pace(null, 0, path);
      pace.recordSent(60_000, 0);
      pace.finishSending();
      for (let nowMs = 450; nowMs < 2_000; nowMs += 450) pace.recordInFlight(nowMs, nowMs < arrivesMs ? 30_000 : 0);
      return pace.window;
    };
    assert.equal(windowAfter(300), 65_536);
    assert.equal(windowAfter(800), 65_536);
    assert.equal(windowAfter(1_500), 32_768);
    assert.equal(path.window, 32_768);
  });

  it('starts with the window of a recent upload, or later with TCP’s initial window at most', () => {
    const path: PathState = {};
    simulate({ bytesPerSecond: 1_000_000, delayMs: 40 }, 20_000, null, path);
    assert.equal(new Pace(null, 25_000, path).window, 65_536);
    assert.equal(new Pace(null, 85_000, path).window, 14_600);
    simulate({ bytesPerSecond: 4_000, delayMs: 30 }, 60_000, null, path);
    assert.ok(new Pace(null, 60_000, path).window <= 2_000, 'half a second of a slow link');
  });

  it('keeps to its limit', () => {
    const { bytes } = simulate({ bytesPerSecond: 10_000_000, delayMs: 5 }, 20_000, 50_000);
    assert.ok(bytes > 20 * 50_000 * 0.9 && bytes < 20 * 50_000 * 1.05, `${bytes} bytes in 20 s`);
  });

  it('reports a stall if nothing arrives, but not if no bytes are in flight', () => {
    const pace = new Pace(null, 0);
    assert.ok(pace.allowedBytes(50_000, 0) > 0);
    assert.equal(pace.stalledMs(50_000), 0);
    pace.recordSent(1_000, 50_000);
    pace.recordInFlight(60_000, 400);
    pace.recordInFlight(100_000, 400);
    assert.equal(pace.stalledMs(100_000), 40_000);
    pace.recordInFlight(101_000, 0);
    assert.equal(pace.stalledMs(101_000), 0);
    pace.recordInFlight(150_000, 0);
    assert.equal(pace.stalledMs(150_000), 0);
    pace.finishSending();
    pace.recordInFlight(170_000, 0);
    assert.equal(pace.stalledMs(170_000), 20_000, 'the answer is missing');
  });

  it('allows bytes if the number of bytes in flight is unknown', () => {
    assert.ok(new Pace(null, 0).allowedBytes(0, undefined) > 0);
  });

  it('reads the bytes in flight from Linux’s table', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1',
      '   1: 0100007F:C350 0100007F:1F90 01 00012345:00000000 00:00000000 00000000     0        0 2',
    ].join('\n');
    assert.equal(queuedOf(table, 0xc350, 0x1f90), 0x12345);
    assert.equal(queuedOf(table, 0xc351, 0x1f90), undefined);
  });
});
