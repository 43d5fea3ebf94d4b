// An alert that is raised and cleared over and over stays raised for the cloud. Time is simulated.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { flappingText, LimitedChannel } from '../../src/sensing/index.ts';
import type { ReadingExtra } from '../../src/wire/index.ts';

const MINUTE_MS = 60_000;
const NO_ALERTS: readonly [] = [];

function limited(over: Readonly<Record<string, unknown>> = {}, standing?: ReadingExtra): LimitedChannel {
  const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', class: 'alert', ...over } });
  assert.ok(c);
  let incidents = 0;
  const alerts = new Map(standing === undefined ? [] : [['c', standing]]);
  return new LimitedChannel('c', c, { standing: alerts, newIncident: () => `i${++incidents}` });
}

interface Written {
  readonly ms: number;
  /** Such as `raised i1 true` or `raised i7 true +41-41`. */
  readonly text: string;
}

class Robot {
  readonly channel: LimitedChannel;
  readonly written: Written[] = [];
  rows = 0;
  nowMs = 0;

  constructor(channel: LimitedChannel) {
    this.channel = channel;
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let due = this.channel.dueMs; due !== undefined && due <= untilMs; due = this.channel.dueMs) {
      this.nowMs = due;
      this.#note(this.channel.elapse(due));
    }
    this.nowMs = untilMs;
  }

  says(...values: unknown[]): void {
    for (const data of values) this.#note(this.channel.accept({ data }, this.nowMs));
  }

  /** Alternates between true and false so many times a second. */
  flaps(hz: number, ms: number): void {
    for (let n = 0; n < (hz * ms) / 1_000; n++) {
      this.pass(1_000 / hz);
      this.says(n % 2 === 0);
    }
  }

  ends(): void {
    this.#note(this.channel.end(this.nowMs));
  }

  /** The alerts since the last call. */
  get alerts(): string[] {
    return this.written.splice(0).map(({ text }) => text);
  }

  #note(rows: readonly NewRow[]): void {
    this.rows += rows.length;
    for (const row of rows) {
      if (row.class !== 'alert') continue;
      const { alert, incident, flapping, occurrences } = row.extra ?? {};
      const counts = flapping === undefined ? '' : ` +${flapping.raised}-${flapping.cleared}`;
      const times = occurrences === undefined ? '' : ` x${occurrences}`;
      const channel = row.channel === 'c' ? '' : `${row.channel} `;
      this.written.push({ ms: this.nowMs, text: `${channel}${alert} ${incident} ${row.value}${counts}${times}` });
    }
  }
}

describe('an alert that flaps', () => {
  it('at 500 Hz adds a summary a minute, and no other row once it is held', () => {
    const robot = new Robot(limited());
    robot.flaps(500, 10 * MINUTE_MS);
    robot.pass(5 * MINUTE_MS);
    const perMinute = Array.from(
      { length: 15 },
      (_, minute) => robot.written.filter(({ ms }) => Math.floor(ms / MINUTE_MS) === minute).length,
    );
    assert.deepEqual(perMinute, [13, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0, 0, 0, 0]);
    assert.equal(robot.rows, 24);
    assert.deepEqual(robot.alerts.slice(-2), ['raised i7 true +149993-149994', 'cleared i7 false +149993-149994']);
    assert.deepEqual(robot.channel.flapping, NO_ALERTS);
  });

  it('leaves at once at first, and is never cleared in the cloud while it may stand', () => {
    const robot = new Robot(limited());
    robot.says(...[1, 2, 3, 4, 5, 6, 7].flatMap(() => [true, false]));
    const raised = [1, 2, 3, 4, 5, 6].flatMap((n) => [`raised i${n} true`, `cleared i${n} false`]);
    assert.deepEqual(robot.alerts, [...raised, 'raised i7 true +0-0']);
    robot.says(true);
    robot.pass(MINUTE_MS);
    assert.deepEqual(robot.alerts, ['raised i7 true +1-1'], 'a fall that stands at the end is known');
    robot.says(false);
    assert.deepEqual(robot.alerts, ['cleared i7 false']);
    robot.says(true);
    assert.deepEqual(robot.alerts, ['raised i9 true']);
  });

  it('is not limited below the limit, for however long', () => {
    const robot = new Robot(limited());
    for (let n = 0; n < 100; n++) {
      robot.pass(5_001);
      robot.says(true);
      robot.pass(5_001);
      robot.says(false);
    }
    assert.equal(robot.alerts.length, 200);
  });

  it('tells another person at once', () => {
    const robot = new Robot(limited({ alert_when: '!= none', alerts_per_minute: 2 }));
    robot.says('Ann', 'none', 'Ann', 'none', 'Ann', 'none', 'Bob', 'none', 'Ann', 'none', 'Bob');
    assert.deepEqual(robot.alerts.slice(4), ['raised i3 Ann +0-0', 'cleared i3 none +0-1', 'raised i4 Bob +0-0']);
    robot.says('none', 'Cid', 'none', 'Dan', 'none');
    assert.deepEqual(robot.alerts, ['cleared i4 none +2-3', 'raised i7 Cid +0-0']);
    robot.pass(MINUTE_MS);
    assert.deepEqual(robot.alerts, ['cleared i7 none +0-2', 'raised i8 Dan +0-0', 'cleared i8 none +0-0'], 'Dan is in the summary');
  });

  it('tells a stronger level at once, and not a weaker one', () => {
    const robot = new Robot(limited({ alert_when: '> 60', alerts_per_minute: 1 }));
    robot.says(70, 50, 70, 50, 65, 50, 90, 50, 80, 50);
    assert.deepEqual(robot.alerts, ['raised i1 70', 'cleared i1 50', 'raised i2 70 +0-0', 'cleared i2 50 +1-2', 'raised i4 90 +0-0']);
  });

  it('counts the occurrences of events that were held', () => {
    const robot = new Robot(limited({ event: true, clear_after: '1s', alerts_per_minute: 2 }));
    for (let n = 0; n < 6; n++) {
      robot.says(true, true);
      robot.pass(1_001);
    }
    robot.pass(MINUTE_MS);
    assert.deepEqual(robot.alerts.slice(-2), ['raised i3 true +3-4', 'cleared i3 false +3-4 x8']);
  });

  it('is limited for silence too', () => {
    const robot = new Robot(limited({ max_silence: '100ms' }));
    robot.says(false);
    for (let n = 0; n < 100; n++) {
      robot.pass(200);
      robot.says(false);
    }
    assert.equal(robot.alerts.length, 13);
    assert.deepEqual(
      robot.channel.flapping.map(({ channel }) => channel),
      ['c_silent'],
    );
  });

  it('still has each message as a reading, which is telemetry, if the channel reports each message', () => {
    const robot = new Robot(limited({ alerts_per_minute: 1, report: { on: 'message' } }));
    robot.flaps(500, 1_000);
    assert.equal(robot.rows, 500);
    assert.equal(robot.alerts.length, 3);
  });

  it('tells its last state when the channel ends', () => {
    const robot = new Robot(limited({ alerts_per_minute: 1 }));
    robot.says(true, false, true, false);
    robot.ends();
    assert.deepEqual(robot.alerts.slice(-2), ['raised i2 true +0-0', 'cleared i2 false +0-1']);
  });

  it('still stands after a crash, and ends a minute later if the channel is calm', () => {
    const robot = new Robot(limited({}, { alert: 'raised', incident: 'before', flapping: { raised: 41, cleared: 41, ms: 20_000 } }));
    robot.says(false);
    assert.deepEqual(robot.alerts, []);
    robot.flaps(500, 1_000);
    robot.pass(2 * MINUTE_MS);
    assert.deepEqual(robot.alerts, ['raised before true +291-292', 'cleared before false +291-292']);
  });

  it('is a problem that says what would help', () => {
    const text = (over: Readonly<Record<string, unknown>>, ...values: unknown[]) => {
      const robot = new Robot(limited({ alerts_per_minute: 1, ...over }));
      robot.says(...values);
      return flappingText(robot.channel.flapping, robot.channel.channel.config);
    };
    assert.equal(text({}, true, false), undefined);
    const begin = 'c (/t) raises its alert about 2 times a minute, and may do so 1 times; it stays raised for the cloud until it is calm; ';
    assert.equal(
      text({}, true, false, true),
      `${begin}check the sensor, or set hold longer than 0 s: the alert then ends once it has been calm for so long`,
    );
    assert.match(text({ alert_when: '> 60' }, 61, 60, 61) ?? '', /let alert_when have raise: "> 60" and a clear with a distance to it$/);
  });

  it('has a limit that is a whole number, for channels that have alerts', () => {
    const fault = (over: Readonly<Record<string, unknown>>) =>
      configSchema.shape.channels
        .safeParse({ c: { topic: '/t', ...over } })
        .error?.issues.map(({ path, message }) => `${String(path.at(-1))}: ${message}`);
    assert.equal(fault({ class: 'alert', alerts_per_minute: 1 }), undefined);
    assert.equal(fault({ max_silence: '1s', alerts_per_minute: 1 }), undefined);
    assert.deepEqual(fault({ alerts_per_minute: 1 }), ['alerts_per_minute: expected only with class: alert or max_silence']);
    for (const wrong of [0, 1.5, 100_001, '6']) assert.equal(fault({ class: 'alert', alerts_per_minute: wrong })?.length, 1, `${wrong}`);
  });
});
