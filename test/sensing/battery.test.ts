// Tests how a channel with `unit: auto` reads each kind of battery, what it says about that, and what it does not claim.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Channel } from '../../src/sensing/index.ts';
import { channel } from '../support/channel.ts';

interface Battery {
  readonly percentage: number;
  readonly voltage?: number;
}

function battery(over: Readonly<Record<string, unknown>> = {}, percentTopics = new Set<string>()): Channel {
  const keys = { topic: '/battery', class: 'telemetry', unit: 'auto', report: { on: 'message' } };
  return channel({ ...keys, ...over }, { percentTopics });
}

let nowMs = 0;

/** A value that the sensor cannot measure makes the channel unusable after 8 s. */
const ENDURED_MS = 8_000;

/** @returns the reason why the channel is unusable, if it stays as it is. */
function lastingReason(one: Channel): string | undefined {
  nowMs += ENDURED_MS;
  one.elapse(nowMs);
  return one.unusable?.reason;
}

/** @returns the reading of each message, as a robot with float32 fields publishes it. */
function readings(one: Channel, messages: readonly (Battery | number)[]): unknown[] {
  return messages.flatMap((given) => {
    const { percentage, voltage = Number.NaN } = typeof given === 'number' ? { percentage: given } : given;
    const rows = one.accept({ percentage: Math.fround(percentage), voltage: Math.fround(voltage) }, ++nowMs);
    return rows.flatMap((row) => ('value' in row ? [row.value] : []));
  });
}

const reads = (one: Channel) => one.status(nowMs).reads;

describe('a battery that counts from 0 to 1', () => {
  it('is read in percent from the first message on', () => {
    const one = battery();
    assert.equal(reads(one), 'decides with the first message');
    assert.deepEqual(readings(one, [0.87, 0.5, 0.02, 0.005, 0]), [87, 50, 2, 0.5, 0]);
    assert.equal(one.unusable, undefined);
  });

  it('says so in the status', () => {
    const one = battery();
    readings(one, [0.87]);
    assert.equal(reads(one), 'percentage 0.87 is 87 %: the range is 0 to 1, because no higher value has been seen');
  });

  it('is full at 1, and not above 100 percent if its capacity was underestimated', () => {
    assert.deepEqual(readings(battery(), [1, 1.004, 1.2]), [100, 100, 100]);
  });

  it('is not mistaken for the other kind after a single wrong value', () => {
    assert.deepEqual(readings(battery(), [0.87, 57, 0.86, 57, 57, 0.85]), [87, 57, 86, 57, 57, 85]);
  });
});

describe('a battery that counts from 0 to 100', () => {
  it('is read as it is, also below 1 percent', () => {
    const one = battery();
    assert.deepEqual(readings(one, [57, 56, 18, 3, 1.5, 1, 0.6, 0]), [57, 56, 18, 3, 1.5, 1, 0.6, 0]);
    assert.equal(one.unusable, undefined);
  });

  it('says so in the status', () => {
    const one = battery();
    readings(one, [57]);
    assert.equal(reads(one), 'percentage 57 is 57 %: the range is 0 to 100');
    readings(one, [18, 5, 0.6]);
    assert.equal(reads(one), 'percentage 0.6 is 0.6 %: the range is 0 to 100, because there were higher values');
  });

  it('is known after a restart, but not under another topic', () => {
    const known = new Set<string>();
    readings(battery({}, known), [57, 56, 55]);
    assert.deepEqual([...known], ['/battery']);
    assert.deepEqual(readings(battery({}, known), [0.6, 1]), [0.6, 1]);
    assert.deepEqual(readings(battery({ topic: '/other' }, known), [0.6]), [60]);
  });

  it('is full at 100, and a larger number is no charge', () => {
    const one = battery();
    assert.deepEqual(readings(one, [100, 104, 255]), [100, 100, null]);
    assert.equal(lastingReason(one), 'percentage 255 is above 100 %');
  });
});

describe('a value that both kinds publish', () => {
  it('is decided by the voltage if its limits are configured and nothing else is known', () => {
    const volts = { full: 12.6, empty: 9.6 };
    const full = battery(volts);
    assert.deepEqual(readings(full, [{ percentage: 0.6, voltage: 11.4 }]), [60]);
    assert.equal(reads(full), 'percentage 0.6 is 60 %: the range is 0 to 1, because the first voltage, 11.4 V, is 60 %');
    assert.deepEqual(readings(full, [{ percentage: 0.6, voltage: 9.7 }]), [60], 'a load lowers the voltage');
    const empty = battery(volts);
    assert.deepEqual(readings(empty, [{ percentage: 0.6, voltage: 9.7 }]), [0.6]);
    assert.equal(reads(empty), 'percentage 0.6 is 0.6 %: the range is 0 to 100, because the first voltage, 9.7 V, is 3.3 %');
    assert.deepEqual(readings(empty, [{ percentage: 0.9, voltage: 12.4 }, 1.3]), [0.9, 1.3], 'a charger raises the voltage');
  });

  it('is not used if it would mean that the battery lost its charge at once', () => {
    const one = battery();
    assert.deepEqual(readings(one, [57, 57, 57, 0.87, 0.86]), [57, 57, 57, null, null]);
    assert.match(lastingReason(one) ?? '', /^percentage 0\.8[67] follows 57 %, which no battery loses at once/);
  });

  it('never makes a full battery empty or an empty one full while values change slowly', () => {
    const slow = fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 3, max: 100 }), slow, (isShare, first, steps) => {
        let percent = first;
        const charges = [first, first, first, ...steps.map((step) => (percent = Math.min(100, Math.max(0, percent + step))))];
        const found = readings(
          battery(),
          charges.map((charge) => (isShare ? charge / 100 : charge)),
        );
        assert.deepEqual(found, charges);
      }),
    );
  });
});

describe('a battery without a percentage', () => {
  it('is read by its voltage if full and empty are configured', () => {
    const one = battery({ full: 12.6, empty: 9.6 });
    assert.deepEqual(
      readings(
        one,
        [12.6, 11.1, 9.6, 13, 9].map((voltage) => ({ percentage: Number.NaN, voltage })),
      ),
      [100, 50, 0, 100, 0],
    );
    assert.equal(reads(one), 'voltage 9 is 0 % between empty: 9.6 and full: 12.6; percentage NaN is not a charge');
    assert.deepEqual(readings(one, [{ percentage: -1, voltage: 11.1 }]), [50]);
  });

  it('is unusable otherwise, and the reason says what to configure', () => {
    const one = battery();
    assert.deepEqual(
      readings(one, [
        { percentage: Number.NaN, voltage: 12.3 },
        { percentage: Number.NaN, voltage: 12.3 },
      ]),
      [null, null],
    );
    assert.equal(one.unusable, undefined);
    lastingReason(one);
    assert.deepEqual(one.unusable, {
      reason:
        'percentage NaN is not a charge; to use the voltage of 12.3 V, set full and empty to the volts of the full and of the empty battery',
      raw: null,
      suggestion: null,
    });
  });

  it('is unusable if the voltage is missing too, or far outside full and empty', () => {
    for (const [voltage, reason] of [
      [Number.NaN, /the message has no voltage$/],
      [0, /the message has no voltage$/],
      [12_300, /a voltage of 12300 V is far outside empty: 9\.6 and full: 12\.6$/],
      [3.7, /far outside/],
    ] as const) {
      const one = battery({ full: 12.6, empty: 9.6 });
      assert.deepEqual(
        readings(one, [
          { percentage: Number.NaN, voltage },
          { percentage: Number.NaN, voltage },
        ]),
        [null, null],
      );
      assert.match(lastingReason(one) ?? '', reason);
      assert.equal(one.unusable?.suggestion, null);
    }
  });
});

describe('a percentage of 0.0', () => {
  it('is not an empty battery beside a voltage if no charge came before', () => {
    const one = battery();
    const dummy = { percentage: 0, voltage: 12.3 };
    assert.deepEqual(readings(one, [dummy, dummy, dummy]), [null, null, null]);
    assert.match(
      lastingReason(one) ?? '',
      /^percentage 0 perhaps means that no charge was measured; to use the voltage of 12\.3 V, set full/,
    );
    assert.deepEqual(readings(battery({ full: 12.6, empty: 9.6 }), [dummy, dummy]), [90, 90]);
  });

  it('is not an empty battery right after a full one', () => {
    const one = battery();
    assert.deepEqual(readings(one, [0.87, 0, 0, 0.87]), [87, null, null, 87]);
    assert.equal(lastingReason(one), undefined);
    readings(one, [0]);
    assert.match(lastingReason(one) ?? '', /^percentage 0 follows 87 %, which no battery loses at once/);
  });

  it('is an empty battery after a nearly empty one', () => {
    assert.deepEqual(readings(battery(), [0.15, 0.04, 0, 0]), [15, 4, 0, 0]);
  });
});

describe('an alert on a battery', () => {
  it('compares with percent', () => {
    const one = battery({ class: 'alert', alert_when: '< 15' });
    const isRaised = (percentage: number) => {
      readings(one, [percentage]);
      return one.status(nowMs).alert;
    };
    assert.deepEqual([0.87, 0.14, 0.5].map(isRaised), [false, true, false]);
  });
});
