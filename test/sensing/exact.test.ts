// Tests that whole numbers reach a row exactly, and that numbers beyond 2^53 are declared as unusable.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeBody } from '../../src/outbox/rows.ts';
import { channel } from '../support/channel.ts';

/** The values of the rows, as the outbox writes them. */
function written(over: Readonly<Record<string, unknown>>, messages: readonly Record<string, unknown>[]): string[] {
  const one = channel({ class: 'telemetry', ...over });
  return messages.flatMap((message, ms) => one.accept(message, ms).map(encodeBody));
}

describe('a whole number', () => {
  it('is written with all digits, so that successive milliseconds differ', () => {
    const since = 1_763_929_998_001;
    const messages = Array.from({ length: 5 }, (_, i) => ({ data: since + i }));
    assert.deepEqual(written({}, messages), ['1763929998001', '1763929998002', '1763929998003', '1763929998004', '1763929998005']);
    assert.deepEqual(written({ scale: 0.001 }, messages.slice(0, 2)), ['1763929998.001', '1763929998.002']);
    assert.deepEqual(written({}, [{ data: Number.MAX_SAFE_INTEGER }]), ['9007199254740991']);
  });

  it('is exact in a diagnostic value', () => {
    const entry = { diagnostics: { name: 'clock', key: 'now' } };
    const message = (value: string) => ({ status: [{ name: 'clock', level: 0, values: [{ key: 'now', value }] }] });
    assert.deepEqual(written(entry, [message('9007199254740991')]), ['9007199254740991']);
    assert.deepEqual(written(entry, [message('+9007199254740993')]), ['null,{"bad":"range"}']);
  });

  it('is exact in a sum, a minimum and a maximum', () => {
    const data = [2n ** 53n, 3, 5];
    assert.deepEqual(written({ field: 'data[*] | min' }, [{ data }]), ['3']);
    assert.deepEqual(written({ field: 'data[*] | max' }, [{ data }]), ['null,{"bad":"range"}']);
    assert.deepEqual(written({ field: 'data[*] | sum' }, [{ data }]), ['null,{"bad":"range"}']);
    assert.deepEqual(written({ field: 'data[*] | sum' }, [{ data: [2n ** 53n, -3, 0] }]), ['9007199254740989']);
    assert.deepEqual(written({ field: 'data[*] | mean' }, [{ data: [1_763_929_998_001, 1_763_929_998_002] }]), ['1763929998001.5']);
  });

  it('leaves no noise in a sum of fractions', () => {
    assert.deepEqual(written({ field: 'data[*] | sum' }, [{ data: [0.1, 0.2] }]), ['0.3']);
  });
});

describe('a whole number beyond 2^53', () => {
  it('is unusable, and the reason says what helps', () => {
    const one = channel({ alert_when: '> 5' });
    for (const ms of [0, 1]) one.accept({ data: 1_763_929_998_001_123_456n }, ms);
    assert.deepEqual(one.unusable, {
      reason: '1763929998001123456 is beyond 2^53, so a reading cannot hold it exactly; use a smaller scale, or publish an id as text',
      raw: '1763929998001123456',
      suggestion: 'scale: 0.001  # if the reading may count thousands',
    });
  });

  it('is usable with the suggested scale', () => {
    for (const [data, scale] of [
      [1_763_929_998_001_123_456n, 0.001],
      [2n ** 64n - 1n, 0.000001],
    ] as const) {
      const before = channel({ alert_when: '> 5' });
      for (const ms of [0, 1]) before.accept({ data }, ms);
      assert.match(before.unusable?.suggestion ?? '', new RegExp(`^scale: ${scale} `));
      const after = channel({ alert_when: '> 5', scale });
      for (const ms of [0, 1]) after.accept({ data }, ms);
      assert.deepEqual([after.unusable, after.status(1).alert], [undefined, true]);
    }
  });
});
