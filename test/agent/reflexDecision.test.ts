// Tests when the reflex announces, with rows and times that the test makes up.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReflexDecision, type Step, stillAnnounced } from '../../src/agent/reflex/decision.ts';
import type { AlertRow, RowName } from '../../src/outbox/index.ts';

const CONFIG = { after: 30_000, repeat: null, repeat_limit: 3 };
const WALL = Date.UTC(2027, 0, 1);
const MINUTE = 60_000;
const HOUR = 3_600_000;

/** A robot whose wall clock runs with its monotonic clock. */
class Trial {
  readonly decision = new ReflexDecision();
  readonly delivered = new Set<number>();
  config: { after: number; repeat: number | null; repeat_limit: number } = CONFIG;
  unwatched = '';
  #seq = 0;

  raise(channel: string, atMs: number, over: Partial<AlertRow> = {}): number {
    return this.#row(channel, 'raised', atMs, over);
  }

  clear(channel: string, atMs: number, extra: AlertRow['extra'] = {}): void {
    this.#row(channel, 'cleared', atMs, {}, extra);
  }

  step(nowMs: number): Step | undefined {
    const step = this.decision.step({ nowMs, config: this.config, isWatched: this.isWatched, isDelivered: this.isDelivered });
    if (step === 'announce') this.decision.announced(nowMs, this.isWatched);
    return step;
  }

  /** The times of all announcements while the decision is asked once a second. */
  announcements(fromMs: number, toMs: number): number[] {
    const times: number[] = [];
    for (let ms = fromMs; ms <= toMs; ms += 1_000) if (this.step(ms) === 'announce') times.push(ms);
    return times;
  }

  readonly isWatched = (channel: string) => channel !== this.unwatched;
  readonly isDelivered = ({ seq }: RowName) => this.delivered.has(seq);

  #row(channel: string, alert: 'raised' | 'cleared', atMs: number, over: Partial<AlertRow>, extra: AlertRow['extra'] = {}): number {
    const seq = ++this.#seq;
    const row = {
      name: { outbox: 'box', seq },
      channel,
      extra: { alert, incident: `of ${channel}`, ...extra },
      at: WALL + atMs,
      mono: atMs,
    };
    this.decision.follow([{ ...row, ...over }], atMs, WALL + atMs);
    return seq;
  }
}

describe('the reflex', () => {
  it('announces an alert that no receipt covers for 30 s, once', () => {
    const trial = new Trial();
    trial.raise('fall', 1_000);
    assert.deepEqual(trial.announcements(1_000, 2 * HOUR), [31_000]);
    assert.deepEqual(
      trial.decision.unconfirmed.map(({ channel }) => channel),
      ['fall'],
    );
  });

  it('announces nothing if a receipt covers the row in time', () => {
    const trial = new Trial();
    const seq = trial.raise('fall', 0);
    assert.equal(trial.step(29_000), undefined);
    trial.delivered.add(seq);
    assert.deepEqual(trial.announcements(30_000, HOUR), []);
    assert.deepEqual(trial.decision.waiting(trial.isWatched), []);
  });

  it('announces nothing if the alert ended in time', () => {
    const trial = new Trial();
    trial.raise('fall', 0);
    trial.clear('fall', 29_000);
    assert.deepEqual(trial.announcements(30_000, HOUR), []);
  });

  it('announces an event although its alert ended, because only clear_after has passed', () => {
    const trial = new Trial();
    trial.raise('fall', 0);
    trial.clear('fall', 30_000, { occurrences: 1 });
    assert.deepEqual(trial.announcements(30_000, HOUR), [30_000]);
  });

  it('says that the family knows once a receipt covers the row', () => {
    const trial = new Trial();
    const seq = trial.raise('fall', 0);
    assert.equal(trial.step(30_000), 'announce');
    trial.delivered.add(seq);
    assert.equal(trial.step(40_000), 'confirmed');
    assert.equal(trial.step(41_000), undefined);
  });

  it('says that the alarm has ended if the alert ends unconfirmed, and nothing when a receipt comes later', () => {
    const trial = new Trial();
    const seq = trial.raise('fall', 0);
    assert.equal(trial.step(30_000), 'announce');
    trial.clear('fall', 35_000);
    assert.equal(trial.step(36_000), 'cleared');
    trial.delivered.add(seq);
    assert.equal(trial.step(37_000), undefined);
  });

  it('covers all waiting alerts with one announcement, which ends when each is confirmed or over', () => {
    const trial = new Trial();
    const fall = trial.raise('fall', 0);
    trial.raise('gas', 20_000);
    assert.deepEqual(trial.announcements(0, 10 * MINUTE), [30_000]);
    trial.delivered.add(fall);
    assert.equal(trial.step(11 * MINUTE), undefined, 'gas is unconfirmed');
    trial.clear('gas', 11 * MINUTE);
    assert.equal(trial.step(12 * MINUTE), 'confirmed');
  });

  it('announces a later alert again, at least a minute after the announcement before', () => {
    const trial = new Trial();
    trial.raise('fall', 0);
    assert.deepEqual(trial.announcements(0, 31_000), [30_000]);
    trial.raise('fire', 35_000);
    assert.deepEqual(trial.announcements(35_000, HOUR), [90_000]);
  });

  it('announces at most 12 times an hour, whatever a detector does', () => {
    const trial = new Trial();
    const times: number[] = [];
    for (let ms = 0; ms < 3 * HOUR; ms += 45_000) {
      trial.raise(`alert_${ms}`, ms);
      times.push(...trial.announcements(ms, ms + 44_000));
      trial.clear(`alert_${ms}`, ms + 44_500);
    }
    for (const from of times) assert.ok(times.filter((ms) => ms >= from && ms < from + HOUR).length <= 12);
    assert.ok(times.length >= 30, `${times.length}`);
  });

  it('repeats while the alert stands, as often as configured', () => {
    const trial = new Trial();
    trial.config = { ...CONFIG, repeat: 5 * MINUTE };
    trial.raise('fall', 0);
    assert.deepEqual(trial.announcements(0, 4 * HOUR), [30_000, 330_000, 630_000, 930_000]);
  });

  it('does not repeat for an alert that ended', () => {
    const trial = new Trial();
    trial.config = { ...CONFIG, repeat: MINUTE };
    trial.raise('fall', 0);
    assert.equal(trial.step(30_000), 'announce');
    trial.clear('fall', 60_000);
    assert.equal(trial.step(90_000), 'cleared');
    assert.deepEqual(trial.announcements(91_000, HOUR), []);
  });

  it('ignores alerts that are not watched, until a reload names them', () => {
    const trial = new Trial();
    trial.unwatched = 'gas';
    trial.raise('gas', 0);
    assert.deepEqual(trial.announcements(0, HOUR), []);
    trial.unwatched = '';
    assert.equal(trial.step(HOUR + 1_000), 'announce');
  });

  it('counts an alert that waits for its commit, and recognises it when it has a number', () => {
    const trial = new Trial();
    trial.raise('fall', 0, { name: undefined });
    trial.raise('fall', 0, { name: undefined });
    assert.equal(trial.step(30_000), 'announce');
    const seq = trial.raise('fall', 31_000);
    trial.delivered.add(seq);
    assert.equal(trial.step(32_000), 'confirmed');
  });
});

describe('the reflex after a restart', () => {
  const earlier = (atMs: number): Partial<AlertRow> => ({ at: WALL + atMs, mono: undefined });

  it('counts the time before the restart by the wall clock', () => {
    const trial = new Trial();
    trial.raise('fall', 0, earlier(-15_000));
    assert.deepEqual(trial.announcements(0, HOUR), [15_000]);
  });

  it('gives the link 10 s, however old the alert is', () => {
    const trial = new Trial();
    trial.raise('fall', 0, earlier(-HOUR));
    assert.deepEqual(trial.announcements(0, HOUR), [10_000]);
  });

  it('counts from the start if the clock was set back', () => {
    const trial = new Trial();
    trial.raise('fall', 0, earlier(HOUR));
    assert.deepEqual(trial.announcements(0, HOUR), [30_000]);
  });

  it('does not announce again what it announced before', () => {
    const trial = new Trial();
    trial.decision.restore([{ channel: 'fall', incident: 'of fall', row: { outbox: 'box', seq: 1 } }], 0, -MINUTE);
    trial.raise('fall', 0, earlier(-HOUR));
    assert.deepEqual(trial.announcements(0, HOUR), []);
    trial.delivered.add(1);
    assert.equal(trial.step(HOUR), 'confirmed');
  });

  it('continues to count repetitions', () => {
    const trial = new Trial();
    trial.config = { ...CONFIG, repeat: 5 * MINUTE };
    trial.decision.restore([{ channel: 'fall', incident: 'of fall', row: null }], 2, -MINUTE);
    trial.raise('fall', 0, earlier(-HOUR));
    assert.deepEqual(trial.announcements(0, HOUR), [4 * MINUTE]);
  });

  it('says that the family knows if the receipt came just before the end of the run', () => {
    const trial = new Trial();
    trial.decision.restore([{ channel: 'fall', incident: 'of fall', row: { outbox: 'box', seq: 1 } }], 0, -MINUTE);
    trial.delivered.add(1);
    assert.equal(trial.step(0), 'confirmed');
  });

  it('forgets an announced alert if its row was evicted and it ended', () => {
    const fall = { channel: 'fall', incident: 'a', row: { outbox: 'box', seq: 1 } };
    const raised: AlertRow = { name: fall.row, channel: 'fall', extra: { alert: 'raised', incident: 'a' }, at: WALL, mono: undefined };
    const isDelivered = () => false;
    assert.deepEqual(stillAnnounced([fall], [], new Map(), isDelivered), []);
    assert.deepEqual(stillAnnounced([fall], [], new Map([['fall', { alert: 'cleared', incident: 'a' }]]), isDelivered), []);
    assert.deepEqual(stillAnnounced([fall], [raised], new Map(), isDelivered), [fall]);
    assert.deepEqual(stillAnnounced([fall], [], new Map([['fall', { alert: 'raised', incident: 'a' }]]), isDelivered), [fall]);
    assert.deepEqual(
      stillAnnounced([fall], [], new Map(), () => true),
      [fall],
    );
  });
});
