// Tests lasers and other rangefinders: beams without an echo, values outside their range, and obstacles that are too close (REP 117).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fieldReader } from '../../src/sensing/field.ts';
import { validReader } from '../../src/sensing/valid.ts';
import { alerts, channel } from '../support/channel.ts';

const INF = Number.POSITIVE_INFINITY;

/** NaN makes a channel unusable after 8 s. */
const ENDURED_MS = 8_000;

const OWN = { range_min: 0.125, range_max: 8 };

function scan(ranges: readonly number[], limits: object = OWN) {
  return { ...limits, ranges: Float32Array.from(ranges) };
}

/** The value that is reported for one message; an infinity is null and reported by its alerts. */
function value(over: Readonly<Record<string, unknown>>, message: Readonly<Record<string, unknown>>): unknown {
  const [row] = channel({ class: 'telemetry', ...over }).accept(message, 0);
  return row && 'value' in row ? row.value : undefined;
}

function isRaised(over: Readonly<Record<string, unknown>>, message: Readonly<Record<string, unknown>>): boolean {
  const one = channel({ alert_when: '< 0.5', ...over });
  one.accept(message, 0);
  return one.status(0).alert;
}

const MIN = { field: 'ranges[*] | min' };

describe('the minimum of a scan', () => {
  it('leaves out beams without an echo, and values outside the range of the scan', () => {
    assert.equal(value(MIN, scan([0, INF, 1.5, 0.0625, 9, Number.NaN])), 1.5);
    assert.equal(value({ field: 'ranges[*] | max' }, scan([0, INF, 1.5, 9])), 1.5);
    assert.equal(value({ field: 'ranges[*] | mean' }, scan([0, INF, 1.5, 2.5, 9])), 2);
    assert.equal(value({ field: 'ranges[*] | sum' }, scan([0, INF, 1.5, 2.5, 9])), 4);
    assert.equal(value({ field: 'ranges[*] | count' }, scan([0, INF, 1.5, 2.5, 9])), 5);
  });

  it('is an alert if a beam is too close, whatever the others see', () => {
    assert.equal(isRaised(MIN, scan([1.5, -INF, INF])), true);
    assert.equal(isRaised({ ...MIN, valid: [0.125, 8] }, scan([1.5, -INF, INF])), true);
    assert.equal(isRaised(MIN, scan([1.5, 0, INF])), false);
  });

  it('is infinite, as if there were no obstacle, if no beam has an echo', () => {
    for (const ranges of [
      [0, 0],
      [INF, INF],
      [0, INF, Number.NaN],
      [9, 0.0625],
    ]) {
      const one = channel({ ...MIN, alert_when: '< 0.5' });
      const rows = [scan([0.25]), scan(ranges), scan(ranges)].flatMap((message, ms) => alerts(one.accept(message, ms)));
      assert.deepEqual(rows, ['raised i1', 'cleared i1'], String(ranges));
      assert.equal(one.unusable, undefined);
    }
  });

  it('is the documented one for every scan', () => {
    const beam = fc.constantFrom(-INF, INF, Number.NaN, 0, 0.0625, 0.125, 0.25, 1.5, 8, 9);
    fc.assert(
      fc.property(fc.array(beam, { minLength: 1, maxLength: 6 }), (ranges) => {
        const measured = ranges.filter((range) => range >= OWN.range_min && range <= OWN.range_max);
        const isNothing = ranges.every((range) => Number.isNaN(range));
        const expected = ranges.includes(-INF) ? -INF : measured.length > 0 ? Math.min(...measured) : isNothing ? Number.NaN : INF;
        assert.equal(fieldReader(MIN.field, validReader(channel(MIN).config))(scan(ranges)), expected);
      }),
    );
  });

  it('is unusable if every beam is NaN', () => {
    const one = channel({ ...MIN, alert_when: '< 0.5' });
    for (const ms of [0, ENDURED_MS]) one.accept(scan([Number.NaN, Number.NaN]), ms);
    assert.match(one.unusable?.reason ?? '', /NaN/);
  });

  it('uses valid in place of the range of the scan', () => {
    assert.equal(value({ ...MIN, valid: [0.03125, 4] }, scan([0, 0.0625, 1.5])), 0.0625);
    assert.equal(value({ ...MIN, valid: [0, 4], scale: 100 }, scan([0, 1.5])), 0);
  });

  it('uses no range that the driver has not set', () => {
    for (const limits of [{ range_min: 0, range_max: 0 }, { range_min: Number.NaN, range_max: 8 }, {}])
      assert.equal(value(MIN, scan([0.25, 1.5], limits)), 0.25);
  });

  it('keeps values below the range if only these raise the alert', () => {
    assert.equal(isRaised({ ...MIN, alert_when: '< 0.125' }, scan([0.0625, 1.5])), true);
    assert.equal(isRaised({ field: 'ranges[*] | max', alert_when: '>= 8' }, scan([9, 1.5])), true);
  });

  it('includes the echoes of a laser with several', () => {
    const ranges = [{ echoes: Float32Array.of(0, 1.5) }, { echoes: Float32Array.of(0.0625) }];
    assert.equal(value({ field: 'ranges[*].echoes[*] | min' }, { ...OWN, ranges }), 1.5);
  });
});

describe('valid', () => {
  it('leaves out elements of other lists, and a list without a measurement is unusable', () => {
    const entry = { field: 'cells[*] | max', valid: [-40, 125], alert_when: '> 60' };
    assert.equal(isRaised(entry, { cells: [999, 30] }), false);
    assert.equal(isRaised(entry, { cells: [999, 70] }), true);
    const one = channel(entry);
    for (const ms of [0, ENDURED_MS]) one.accept({ cells: [999, -127] }, ms);
    assert.match(one.unusable?.reason ?? '', /NaN/);
  });

  it('means no obstacle in a list of distances', () => {
    const one = channel({ field: 'sonars[*] | min', valid: [0.02, 4], unit: 'm', alert_when: '< 0.5' });
    for (const ms of [0, ENDURED_MS]) one.accept({ sonars: [0, 0] }, ms);
    assert.equal(one.unusable, undefined);
  });

  it('leaves out elements of any and all', () => {
    assert.equal(value({ field: 'levels[*] | any', valid: [0, 3] }, { levels: [0, 255] }), false);
    assert.equal(value({ field: 'levels[*] | all', valid: [1, 3] }, { levels: [0, 2] }), true);
  });
});

describe('a rangefinder with a single value', () => {
  const range = (distance: number) => ({ min_range: 0.02, max_range: 4, range: distance });
  const entry = { field: 'range', type: 'sensor_msgs/msg/Range' };

  it('is an alert if the obstacle is too close, and none without an obstacle', () => {
    assert.deepEqual(
      [-INF, 0.25, 1.5, INF].map((distance) => isRaised(entry, range(distance))),
      [true, true, false, false],
    );
  });

  it('is an alert at 0.0, because that may be an obstacle, but not if valid excludes it', () => {
    assert.equal(isRaised(entry, range(0)), true);
    assert.equal(isRaised({ ...entry, valid: [0.02, 4] }, range(0)), false);
    const one = channel({ ...entry, valid: [0.02, 4], alert_when: '< 0.5' });
    for (const ms of [0, ENDURED_MS]) one.accept(range(0), ms);
    assert.equal(one.unusable, undefined);
  });
});
