import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Claim, NewRow, Outbox } from '../../src/outbox/index.ts';
import type { Range, Receipt } from '../../src/wire/index.ts';
import { acknowledgeAlerts, type OutboxBench, outboxBench } from '../support/outbox.ts';

const ALL = { maxRows: 1000, maxBytes: 1_000_000 };

function reading(value: number): NewRow {
  return { class: 'telemetry', channel: 'temperature', value };
}

const raised: NewRow = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised', incident: 'i1' } };

function append(outbox: Outbox, ...rows: NewRow[]): void {
  for (const row of rows) outbox.append(row);
  outbox.flush();
}

function backlog(outbox: Outbox): Claim | undefined {
  return outbox.claim('telemetry', { ...ALL, track: { kind: 'backlog', cutoff: outbox.accepted } });
}

function seqs(claim: Claim | undefined): number[] {
  return claim?.rows.map(({ seq }) => seq) ?? [];
}

describe('the outbox', () => {
  let bench: OutboxBench;
  beforeEach(() => {
    bench = outboxBench();
  });
  afterEach(() => bench.remove());

  const receipt = (over: Partial<Receipt>): Receipt => ({
    thing: 'elderly-bot',
    outbox: bench.outbox.id,
    at: 0,
    accepted: bench.outbox.accepted,
    mark: [bench.lifetime.boot, bench.clock.monoMs],
    through: 0,
    after: 0,
    to: null,
    also: [],
    ...over,
  });

  it('numbers rows of all classes from 1 without a gap', () => {
    append(bench.outbox, reading(1), raised, reading(2));
    assert.deepEqual(seqs(bench.outbox.claim('alert', ALL)), [2]);
    assert.deepEqual(seqs(backlog(bench.outbox)), [1, 3]);
    assert.equal(bench.outbox.accepted, 3);
  });

  it('writes with synchronous=FULL in WAL mode', () => {
    assert.equal(bench.db.pragma('synchronous', { simple: true }), 2);
    assert.equal(bench.db.pragma('journal_mode', { simple: true }), 'wal');
  });

  it('commits an alert at the end of the turn, together with waiting telemetry', async () => {
    const woken = new Promise<void>((resolve) => bench.outbox.wakeOn(resolve));
    bench.outbox.append(reading(1));
    bench.outbox.append(raised);
    assert.equal(bench.outbox.accepted, 0);
    await woken;
    assert.equal(bench.outbox.accepted, 2);
  });

  it('does not claim a row in flight, and claims it again after it failed', () => {
    append(bench.outbox, reading(1), reading(2));
    const first = backlog(bench.outbox);
    assert.deepEqual(seqs(first), [1, 2]);
    assert.equal(backlog(bench.outbox), undefined);
    assert.ok(first);
    bench.outbox.failed(first);
    assert.deepEqual(seqs(backlog(bench.outbox)), [1, 2]);
  });

  it('keeps an acknowledged row until a receipt covers it', () => {
    append(bench.outbox, reading(1), reading(2));
    const claim = backlog(bench.outbox);
    assert.ok(claim);
    bench.outbox.published(claim);
    assert.equal(backlog(bench.outbox), undefined);
    assert.equal(bench.outbox.depth().telemetry, 2);
    assert.equal(bench.outbox.receive(receipt({ through: 1 })), 'applied');
    assert.equal(bench.outbox.depth().telemetry, 1);
    assert.equal(bench.outbox.unconfirmed, 1);
  });

  it('sends an acknowledged row again only if a receipt does not cover it a minute later', () => {
    append(bench.outbox, reading(1), reading(2), reading(3));
    const claim = backlog(bench.outbox);
    assert.ok(claim);
    bench.outbox.published(claim);
    bench.clock.advance(50_000);
    bench.outbox.receive(receipt({ through: 1, also: [[3, 3]] }));
    assert.equal(backlog(bench.outbox), undefined);
    bench.clock.advance(20_000);
    bench.outbox.receive(receipt({ through: 1, also: [[3, 3]] }));
    assert.deepEqual(seqs(backlog(bench.outbox)), [2]);
  });

  it('sends unacknowledged rows after a restart under their own names, and acknowledged rows a minute after the restart', () => {
    append(bench.outbox, reading(1));
    const claim = backlog(bench.outbox);
    assert.ok(claim);
    bench.outbox.published(claim);
    append(bench.outbox, reading(2));
    const old = bench.outbox.id;
    const reopened = bench.reopen();
    const again = backlog(reopened);
    assert.deepEqual(again?.outbox, { id: old, accepted: 2 });
    assert.deepEqual(seqs(again), [2]);
    assert.ok(again);
    bench.clock.advance(30_000);
    reopened.published(again);
    bench.clock.advance(29_000);
    reopened.receive(receipt({ outbox: old, accepted: 2 }));
    assert.equal(backlog(reopened), undefined);
    bench.clock.advance(2_000);
    reopened.receive(receipt({ outbox: old, accepted: 2 }));
    assert.deepEqual(seqs(backlog(reopened)), [1]);
  });

  it('ignores a receipt with numbers that were never assigned, and a receipt for an unknown outbox', () => {
    append(bench.outbox, reading(1));
    assert.equal(bench.outbox.receive(receipt({ accepted: 2, through: 2 })), 'beyond_accepted');
    assert.equal(bench.outbox.receive(receipt({ outbox: 'foreign', through: 1 })), 'unknown_outbox');
    assert.equal(bench.outbox.depth().telemetry, 1);
  });

  it('ignores a receipt for an alert that was never handed out, and keeps all its rows', () => {
    append(bench.outbox, reading(1), raised);
    assert.ok(bench.outbox.hasFree('alert'));
    assert.equal(bench.outbox.receive(receipt({ through: 2 })), 'never_sent');
    assert.deepEqual([bench.outbox.depth().telemetry, bench.outbox.depth().alert], [1, 1]);
  });

  it('does not release an alert that the broker has not acknowledged, but the other rows of the receipt', () => {
    append(bench.outbox, reading(1), raised);
    const claim = bench.outbox.claim('alert', ALL);
    assert.ok(claim);
    bench.outbox.failed(claim);
    assert.equal(bench.outbox.receive(receipt({ through: 2 })), 'unacknowledged');
    assert.deepEqual([bench.outbox.depth().telemetry, bench.outbox.depth().alert, bench.outbox.doubted], [0, 1, 1]);
    acknowledgeAlerts(bench.outbox);
    assert.deepEqual([bench.outbox.depth().alert, bench.outbox.doubted], [1, 0]);
    assert.equal(bench.outbox.receive(receipt({ through: 2 })), 'applied');
    assert.equal(bench.outbox.unconfirmed, 0);
  });

  it('releases an alert with its PUBACK if the receipt came first', () => {
    append(bench.outbox, raised);
    const claim = bench.outbox.claim('alert', ALL);
    assert.ok(claim);
    assert.equal(bench.outbox.receive(receipt({ through: 1 })), 'unacknowledged');
    assert.deepEqual([bench.outbox.unconfirmed, bench.outbox.doubted], [1, 1]);
    bench.outbox.published(claim);
    assert.deepEqual([bench.outbox.unconfirmed, bench.outbox.doubted], [0, 0]);
    assert.ok(bench.outbox.isDelivered({ outbox: bench.outbox.id, seq: 1 }));
  });

  it('sends an alert of an earlier run again if a receipt covers it and its PUBACK was lost in a crash', () => {
    append(bench.outbox, raised);
    acknowledgeAlerts(bench.outbox);
    const old = bench.outbox.id;
    bench.reopen();
    const covering = receipt({ outbox: old, accepted: 1, through: 1 });
    assert.equal(bench.outbox.receive(covering), 'unacknowledged');
    acknowledgeAlerts(bench.outbox);
    assert.equal(bench.outbox.receive(covering), 'applied');
    assert.equal(bench.outbox.unconfirmed, 0);
  });

  it('combines receipts that arrive late and out of order', () => {
    append(bench.outbox, ...[1, 2, 3, 4].map(reading));
    const pages: Range[][] = [[[3, 4]], [[1, 1]]];
    for (const also of pages) bench.outbox.receive(receipt({ also }));
    assert.deepEqual(seqs(backlog(bench.outbox)), [2]);
    assert.equal(bench.outbox.unconfirmed, 1);
  });

  it('evicts rows that are too old, and declares them', () => {
    append(bench.outbox, reading(1), reading(2));
    bench.clock.advance(2 * 86_400_000);
    append(bench.outbox, reading(3));
    bench.outbox.maintain(86_400_000);
    bench.outbox.flush();
    const [event] = bench.outbox.claim('event', ALL)?.rows ?? [];
    assert.deepEqual(JSON.parse(`{${event?.body}}`), { kind: 'evicted', of: bench.outbox.id, ranges: [[1, 2]], reason: 'age' });
    assert.deepEqual(seqs(backlog(bench.outbox)), [3]);
  });

  it('removes acknowledged rows after a day of running time without any receipt, and declares them after the first receipt', () => {
    append(bench.outbox, reading(1));
    const claim = backlog(bench.outbox);
    assert.ok(claim);
    bench.outbox.published(claim);
    bench.clock.advance(25 * 3_600_000);
    bench.outbox.maintain(365 * 86_400_000);
    bench.outbox.flush();
    assert.equal(bench.outbox.depth().telemetry, 0);
    assert.equal(bench.outbox.depth().event, 0);
    bench.outbox.receive(receipt({}));
    bench.outbox.flush();
    const [event] = bench.outbox.claim('event', ALL)?.rows ?? [];
    assert.deepEqual(JSON.parse(`{${event?.body}}`), { kind: 'evicted', of: bench.outbox.id, ranges: [[1, 1]], reason: 'released' });
  });

  it('remembers raised alerts across a restart', () => {
    append(bench.outbox, raised);
    acknowledgeAlerts(bench.outbox);
    bench.outbox.receive(receipt({ through: 1 }));
    assert.equal(bench.outbox.depth().alert, 0);
    assert.deepEqual(bench.reopen().lastAlerts(), new Map([['fall', { alert: 'raised', incident: 'i1' }]]));
  });

  it('knows an alert before its commit, and a raised alert until it is cleared', () => {
    const week = 7 * 86_400_000;
    append(bench.outbox, raised, { ...raised, channel: 'gas' }, { ...raised, channel: 'gas', extra: { alert: 'cleared', incident: 'i1' } });
    acknowledgeAlerts(bench.outbox);
    bench.outbox.receive(receipt({ through: 3 }));
    bench.clock.advance(week + 60_000);
    bench.outbox.maintain(365 * 86_400_000);
    assert.deepEqual(bench.reopen().lastAlerts(), new Map([['fall', { alert: 'raised', incident: 'i1' }]]));
    bench.outbox.append({ ...raised, extra: { alert: 'cleared', incident: 'i1' } });
    assert.deepEqual(bench.outbox.lastAlerts(), new Map([['fall', { alert: 'cleared', incident: 'i1' }]]));
  });

  it('shows the latest committed value of each channel and the row it reflects', () => {
    append(bench.outbox, reading(1), reading(2));
    bench.outbox.append(reading(3));
    assert.deepEqual(bench.outbox.latest(), { stateSeq: 2, values: new Map([['temperature', '2']]) });
  });

  it('marks readings taken while the clock is not trusted', () => {
    bench.clock.isTrusted = false;
    append(bench.outbox, reading(1));
    assert.equal(backlog(bench.outbox)?.rows[0]?.body, '1,{"clock":"untrusted"}');
  });

  it('declares the time error of rows after the clock is set, for each setting of the wrong clock', () => {
    const trueMs = bench.clock.wallMs;
    bench.clock.isTrusted = false;
    bench.clock.wallMs = 0;
    append(bench.outbox, reading(1), reading(2));
    bench.clock.advance(60_000);
    append(bench.outbox, reading(3));
    bench.clock.wallMs += 3_600_000;
    append(bench.outbox, reading(4));
    bench.clock.advance(1_000);
    bench.clock.wallMs = trueMs + 61_000;
    bench.clock.isTrusted = true;
    append(bench.outbox, reading(5));
    append(bench.outbox);
    const claims = [
      bench.outbox.claim('event', { maxRows: 1, maxBytes: 1_000 }),
      bench.outbox.claim('event', { maxRows: 1, maxBytes: 1_000 }),
    ];
    const event = { kind: 'clock_set', of: bench.outbox.id, boot: bench.lifetime.boot };
    assert.deepEqual(
      claims.map((claim) => JSON.parse(`{${claim?.rows[0]?.body}}`)),
      [
        { ...event, ranges: [[1, 3]], offset_ms: trueMs },
        { ...event, ranges: [[4, 4]], offset_ms: trueMs - 3_600_000 },
      ],
    );
    append(bench.outbox, reading(6));
    assert.equal(bench.outbox.claim('event', ALL), undefined);
  });

  it('applies a receipt although the file is full of alerts and accepts no row', () => {
    bench.remove();
    bench = outboxBench(1024 ** 2);
    const alert: NewRow = { ...raised, class: 'alert', value: 'x'.repeat(1_000) };
    const fill = () => {
      for (let n = 0; n < 1_000; n++) append(bench.outbox, alert, alert, alert, reading(n));
    };
    assert.throws(fill, /reserved for alerts/);
    const { accepted } = bench.outbox;
    acknowledgeAlerts(bench.outbox);
    assert.equal(bench.outbox.receive(receipt({ through: accepted })), 'applied');
    bench.outbox.flush();
    assert.equal(bench.outbox.unconfirmed, bench.outbox.accepted - accepted);
    assert.ok(bench.outbox.accepted > accepted, 'the waiting rows are committed');
  });

  it('evicts and declares the oldest telemetry to make space, and keeps every alert', async () => {
    bench.remove();
    bench = outboxBench(8 * 1024 ** 2);
    const committed = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    let alerts = 0;
    const text = 'x'.repeat(900);
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 500; i++) bench.outbox.append({ class: 'telemetry', channel: 'log', value: text });
      bench.outbox.append(raised);
      alerts++;
      await committed();
    }
    assert.deepEqual(
      bench.troubles.filter((error) => error !== undefined),
      [],
    );
    assert.ok(bench.outbox.counts.evictedBy.space > 0);
    bench.outbox.flush();
    assert.equal(bench.outbox.depth().alert, alerts);
    const declared = new Set<number>();
    for (;;) {
      const claim = bench.outbox.claim('event', ALL);
      if (!claim) break;
      for (const { body } of claim.rows) {
        const { ranges } = JSON.parse(`{${body}}`) as { ranges: Range[] };
        for (const [first, last] of ranges) for (let seq = first; seq <= last; seq++) declared.add(seq);
      }
    }
    const { alert, event, telemetry } = bench.outbox.depth();
    assert.equal(declared.size + alert + event + telemetry, bench.outbox.accepted, 'each row is held or declared');
    assert.ok(Number(bench.db.pragma('page_count', { simple: true })) * 4096 <= 8 * 1024 ** 2);
  });
});
