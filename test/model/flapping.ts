// Tests the limit of flapping alerts against a cloud that applies its rows. In any history the cloud believes an alert as long as it stands,
// learns each end, and each new kind within a minute. It has at most one open alert, the counts add up, and the rows of a minute are bounded.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { LimitedChannel } from '../../src/sensing/index.ts';
import type { ReadingExtra, ReadingValue } from '../../src/wire/index.ts';

type Sensor = 'boolean' | 'person' | 'level';

interface History {
  readonly sensor: Sensor;
  readonly most: number;
  /** The time since the last message, and its value: 0 is calm, other numbers are danger. `stop` and `kill` end the program. */
  readonly steps: readonly (readonly [gapMs: number, value: number | 'stop' | 'kill'])[];
}

const MINUTE_MS = 60_000;

const gap = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 10 }) },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50_000, max: 200_000 }) },
);
const value = fc.oneof({ weight: 10, arbitrary: fc.constant(0) }, { weight: 10, arbitrary: fc.integer({ min: 1, max: 6 }) });
const restart = fc.constantFrom('stop' as const, 'kill' as const);
const history: fc.Arbitrary<History> = fc.record({
  sensor: fc.constantFrom('boolean', 'person', 'level'),
  most: fc.constantFrom(1, 2, 3, 6),
  steps: fc.array(fc.tuple(gap, fc.oneof({ weight: 30, arbitrary: value }, { weight: 1, arbitrary: restart })), {
    maxLength: 120,
    size: 'max',
  }),
});

const CONDITIONS: Record<Sensor, string | boolean> = { boolean: true, person: '!= "none"', level: '> 0' };

function readingOf(sensor: Sensor, number: number): ReadingValue {
  if (sensor === 'boolean') return number > 0;
  return sensor === 'level' ? number : number > 0 ? `person ${number}` : 'none';
}

/** Applies rows like the cloud, and checks that each of them makes sense to it. */
class Cloud {
  open: string | undefined;
  value: ReadingValue = null;
  last: ReadingExtra | undefined;
  /** Values of the rows that raised an alert in the last minutes. */
  readonly told: { readonly atMs: number; readonly value: ReadingValue }[] = [];
  readonly times: number[] = [];
  raised = 0;
  cleared = 0;
  #seen = new Set<string>();
  /** The counts of the open alert's last row. */
  #counts = { raised: 0, cleared: 0 };

  take(row: NewRow, atMs: number): void {
    if (row.class !== 'alert') return;
    const { alert, incident = '', flapping } = row.extra ?? {};
    this.times.push(atMs);
    this.last = row.extra;
    this.value = row.value;
    if (alert === 'raised') {
      this.told.push({ atMs, value: row.value });
      const isSummary = this.open === incident;
      assert.ok(isSummary || this.open === undefined, 'two alerts of a channel are open');
      assert.ok(isSummary || !this.#seen.has(incident), 'an incident begins twice');
      this.#seen.add(incident);
      this.#counts = flapping ?? { raised: 0, cleared: 0 };
      this.open = incident;
      return;
    }
    assert.equal(incident, this.open, 'a row ends another alert than the open one');
    const { raised, cleared } = flapping ?? { raised: this.#counts.raised, cleared: this.#counts.cleared + 1 };
    this.raised += 1 + raised;
    this.cleared += cleared;
    this.open = undefined;
  }

  /** The changes that the rows stand for, with the open alert. */
  get changes(): { raised: number; cleared: number } {
    if (this.open === undefined) return { raised: this.raised, cleared: this.cleared };
    return { raised: this.raised + 1 + this.#counts.raised, cleared: this.cleared + this.#counts.cleared };
  }
}

class World {
  readonly #history: History;
  readonly cloud = new Cloud();
  #channel!: LimitedChannel;
  #nowMs = 0;
  #isRaised = false;
  #lastValue: ReadingValue = null;
  #incidents = 0;
  /** How often the alert was raised and cleared; undefined once a kill may have lost some of it. */
  #changes: { raised: number; cleared: number } | undefined = { raised: 0, cleared: 0 };
  /** Kinds that the cloud did not know when they were raised, and the time by which it must. */
  #untold: { value: ReadingValue; dueMs: number }[] = [];

  constructor(tested: History) {
    this.#history = tested;
    this.#start();
  }

  run(): void {
    for (const [gapMs, next] of this.#history.steps) {
      this.#wait(gapMs);
      if (typeof next === 'number') this.#message(readingOf(this.#history.sensor, next), next > 0);
      else this.#restart(next === 'stop');
    }
    this.#wait(2 * MINUTE_MS + 1);
    const { cloud } = this;
    assert.equal(cloud.open !== undefined, this.#isRaised, 'the cloud ends in another state');
    assert.deepEqual(this.#channel.flapping, [], 'a calm channel still flaps');
    if (!this.#isRaised && cloud.times.length > 0) assert.equal(cloud.value, this.#lastValue, 'the last value is not known');
    if (this.#changes) assert.deepEqual(cloud.changes, this.#changes, 'the counts do not add up');
    this.#checkRate();
  }

  #start(): void {
    const { sensor, most } = this.#history;
    const { c } = configSchema.shape.channels.parse({
      c: { topic: '/t', class: 'alert', alert_when: CONDITIONS[sensor], alerts_per_minute: most },
    });
    assert.ok(c);
    const standing = new Map(this.cloud.last === undefined ? [] : [['c', this.cloud.last]]);
    this.#channel = new LimitedChannel('c', c, { standing, startMs: this.#nowMs, newIncident: () => `i${++this.#incidents}` });
    this.#isRaised = this.cloud.open !== undefined;
  }

  /** A killed program has lost nothing that was written; a stopped one tells the last state first. */
  #restart(isClean: boolean): void {
    if (isClean) this.#take(this.#channel.end(this.#nowMs));
    if (isClean) assert.equal(this.cloud.open !== undefined, this.#isRaised, 'a stop leaves another state');
    else this.#changes = undefined;
    this.#untold = [];
    this.#start();
  }

  #message(value: ReadingValue, isDanger: boolean): void {
    const begins = isDanger && !this.#isRaised;
    if (this.#changes && isDanger !== this.#isRaised) this.#changes[isDanger ? 'raised' : 'cleared']++;
    this.#isRaised = isDanger;
    if (!isDanger) this.#lastValue = value;
    this.#take(this.#channel.accept({ data: value }, this.#nowMs));
    if (begins && typeof value !== 'boolean' && !this.#isTold(value)) this.#untold.push({ value, dueMs: this.#nowMs + MINUTE_MS });
  }

  /** Whether the cloud knows this value, or a worse level, of the present minutes. */
  #isTold(value: ReadingValue): boolean {
    return this.cloud.told.some(
      (told) => told.value === value || (this.#history.sensor === 'level' && Number(told.value) >= Number(value)),
    );
  }

  #wait(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let due = this.#channel.dueMs; due !== undefined && due <= untilMs; due = this.#channel.dueMs) {
      this.#nowMs = Math.max(this.#nowMs, due);
      this.#take(this.#channel.elapse(this.#nowMs));
    }
    this.#nowMs = untilMs;
    // If several persons wait, the summary names only one of them.
    if (this.#history.sensor === 'level')
      for (const { value, dueMs } of this.#untold) assert.ok(dueMs >= untilMs || this.#isTold(value), 'a stronger level is not known');
  }

  #take(rows: readonly NewRow[]): void {
    for (const row of rows) this.cloud.take(row, this.#nowMs);
    assert.ok(!this.#isRaised || this.cloud.open !== undefined, 'an alert stands that the cloud does not know');
  }

  /** Each restart begins a new minute. */
  #checkRate(): void {
    const { most, steps } = this.#history;
    const restarts = steps.filter(([, next]) => typeof next !== 'number').length;
    const bound = (1 + restarts) * (4 * most + 4);
    for (const [i, atMs] of this.cloud.times.entries()) {
      const first = this.cloud.times[i - bound];
      assert.ok(first === undefined || atMs - first >= MINUTE_MS, `more than ${bound} rows in a minute`);
    }
  }
}

/** @param count receives the number of messages of each history. */
export function flappingProperty(_folder: unknown, count: (steps: number) => void) {
  return fc.property(history, (tested) => {
    count(tested.steps.length);
    new World(tested).run();
  });
}
