// The pace of an upload against links that are played: what arrives, and how long what is more urgent would wait behind it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pace, type PathState } from '../../../src/uploads/adaptive/pace.ts';
import { queuedOf } from '../../../src/uploads/adaptive/unsent.ts';
import { seeded } from '../../faults/random.ts';

interface Played {
  readonly bytes: number;
  /** The longest that the link's queue was, in milliseconds; and after the first seconds. */
  readonly longestQueueMs: number;
  readonly settledQueueMs: number;
  readonly lastWindow: number;
}

interface Link {
  readonly bytesPerSecond: number;
  /** One way. */
  readonly delayMs: number;
  /** More, for no reason of ours, in milliseconds. */
  readonly jitterMs?: () => number;
  /** What a token bucket lends, when it is full. */
  readonly burstBytes?: number;
}

const SETTLED_AFTER_MS = 5_000;
/** Of each packet; the names of TCP and IP are not the file's. */
const HEADERS = 66;

/** So long over a link. */
function play(
  { bytesPerSecond, delayMs, jitterMs = () => 0, burstBytes = 0 }: Link,
  forMs: number,
  limit: number | null = null,
  way: PathState = {},
): Played {
  const pace = new Pace(limit, 0, way);
  /** When the acknowledgement of each part comes. */
  const onItsWay: { readonly bytes: number; readonly ackMs: number }[] = [];
  const lentMs = (burstBytes / bytesPerSecond) * 1_000;
  let [freeMs, bytes, longestQueueMs, settledQueueMs] = [-lentMs, 0, 0, 0];
  for (let nowMs = 0; nowMs < forMs; nowMs += Math.max(1, Math.round(pace.lookAgainMs(nowMs)))) {
    while (onItsWay[0] && onItsWay[0].ackMs <= nowMs) bytes += onItsWay.shift()?.bytes ?? 0;
    const unsent = onItsWay.reduce((sum, part) => sum + part.bytes, 0);
    const give = pace.allows(nowMs, unsent);
    if (give === 0) continue;
    freeMs = Math.max(freeMs, nowMs - lentMs) + ((give + HEADERS * Math.ceil(give / 1_460)) / bytesPerSecond) * 1_000;
    longestQueueMs = Math.max(longestQueueMs, freeMs - nowMs);
    if (nowMs > SETTLED_AFTER_MS) settledQueueMs = Math.max(settledQueueMs, freeMs - nowMs);
    onItsWay.push({ bytes: give, ackMs: Math.max(nowMs, freeMs) + 2 * delayMs + jitterMs() });
    pace.gave(give, nowMs);
  }
  return { bytes, longestQueueMs, settledQueueMs, lastWindow: pace.window };
}

describe('the pace of an upload', () => {
  it('keeps a slow link mostly busy, and its queue below a seventh of a second', () => {
    const { bytes, longestQueueMs } = play({ bytesPerSecond: 4_000, delayMs: 1 }, 60_000);
    assert.ok(bytes > 60 * 4_000 * 0.7, `${bytes} bytes in a minute`);
    assert.ok(longestQueueMs <= 150, `${longestQueueMs} ms`);
  });

  it('sends one small packet at a time there, however often it tried a larger one', () => {
    for (const delayMs of [1, 5, 10]) {
      const { bytes, settledQueueMs } = play({ bytesPerSecond: 3_500, delayMs }, 600_000);
      assert.ok(bytes > 600 * 3_500 * 0.6, `${bytes} bytes in ten minutes`);
      assert.ok(settledQueueMs <= 170, `${settledQueueMs} ms`);
    }
  });

  it('does not take what a token bucket lends for what the link carries', () => {
    for (const burstBytes of [1_600, 3_000]) {
      const { longestQueueMs, settledQueueMs } = play({ bytesPerSecond: 4_000, delayMs: 1, burstBytes }, 60_000);
      assert.ok(longestQueueMs <= 550, `${longestQueueMs} ms`);
      assert.ok(settledQueueMs <= 150, `${settledQueueMs} ms`);
    }
  });

  it('gets more than the least through a link whose answers take long', () => {
    const { bytes } = play({ bytesPerSecond: 4_000, delayMs: 300 }, 60_000);
    assert.ok(bytes > 60 * 700, `${bytes} bytes in a minute`);
  });

  it('takes nearly half of a quick one, and its queue stays short', () => {
    const { bytes, longestQueueMs } = play({ bytesPerSecond: 1_000_000, delayMs: 40 }, 20_000);
    assert.ok(bytes > 20 * 1_000_000 * 0.4, `${bytes} bytes in 20 s`);
    assert.ok(longestQueueMs <= 400, `${longestQueueMs} ms`);
  });

  it('does not take jitter for its own queue', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seeded(seed);
      const jitterMs = () => random.between(0, 150);
      for (const [bytesPerSecond, share] of [
        [1_000_000, 0.3],
        [100_000, 0.15],
      ] as const) {
        const { bytes } = play({ bytesPerSecond, delayMs: 10, jitterMs }, 20_000);
        assert.ok(bytes > 20 * bytesPerSecond * share, `${bytes} bytes in 20 s, seed ${seed}`);
      }
    }
  });

  it('learns from what was given in one go and stands in a queue, and nothing from what was not looked at in time', () => {
    const way: PathState = { window: 65_536, atMs: 0 };
    const given = (arrivesMs: number): number => {
      const pace = new Pace(null, 0, way);
      pace.gave(60_000, 0);
      pace.gaveAll();
      for (let nowMs = 450; nowMs < 2_000; nowMs += 450) pace.see(nowMs, nowMs < arrivesMs ? 30_000 : 0);
      return pace.window;
    };
    assert.equal(given(300), 65_536);
    assert.equal(given(800), 65_536);
    assert.equal(given(1_500), 32_768);
    assert.equal(way.window, 32_768);
  });

  it('begins where the one before ended: with a picture in one go, and later with no more than TCP itself begins with', () => {
    const way: PathState = {};
    play({ bytesPerSecond: 1_000_000, delayMs: 40 }, 20_000, null, way);
    assert.equal(new Pace(null, 25_000, way).window, 65_536);
    assert.equal(new Pace(null, 85_000, way).window, 14_600);
    play({ bytesPerSecond: 4_000, delayMs: 30 }, 60_000, null, way);
    assert.ok(new Pace(null, 60_000, way).window <= 2_000, 'half a second of a slow link');
  });

  it('keeps to its limit', () => {
    const { bytes } = play({ bytesPerSecond: 10_000_000, delayMs: 5 }, 20_000, 50_000);
    assert.ok(bytes > 20 * 50_000 * 0.9 && bytes < 20 * 50_000 * 1.05, `${bytes} bytes in 20 s`);
  });

  it('calls a connection dead when nothing arrives any more, and not while there was nothing to give', () => {
    const pace = new Pace(null, 0);
    assert.ok(pace.allows(50_000, 0) > 0);
    assert.equal(pace.stalledMs(50_000), 0);
    pace.gave(1_000, 50_000);
    pace.see(60_000, 400);
    pace.see(100_000, 400);
    assert.equal(pace.stalledMs(100_000), 40_000);
    pace.see(101_000, 0);
    assert.equal(pace.stalledMs(101_000), 0);
    pace.see(150_000, 0);
    assert.equal(pace.stalledMs(150_000), 0);
    pace.gaveAll();
    pace.see(170_000, 0);
    assert.equal(pace.stalledMs(170_000), 20_000, 'the answer is missing');
  });

  it('goes on where the system does not say what is on its way', () => {
    assert.ok(new Pace(null, 0).allows(0, undefined) > 0);
  });

  it('reads what Linux says of a connection', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1',
      '   1: 0100007F:C350 0100007F:1F90 01 00012345:00000000 00:00000000 00000000     0        0 2',
    ].join('\n');
    assert.equal(queuedOf(table, 0xc350, 0x1f90), 0x12345);
    assert.equal(queuedOf(table, 0xc351, 0x1f90), undefined);
  });
});
