// A message that arrives after a newer one of its publisher, because DDS had to repair it. It may raise an alert, but never end one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alerts, channel } from '../support/channel.ts';

describe('a late message', () => {
  it('raises an alert, but ends none and replaces no value', () => {
    const one = channel();
    assert.deepEqual(one.acceptLate({ data: false }, 0), []);
    assert.deepEqual(alerts(one.accept({ data: true }, 1)), ['raised i1']);
    assert.deepEqual(one.acceptLate({ data: false }, 2), []);
    assert.deepEqual(alerts(one.accept({ data: false }, 3)), ['cleared i1']);
    assert.deepEqual(alerts(one.acceptLate({ data: true }, 4)), ['raised i2']);
  });

  it('is an occurrence of an event, also without a value', () => {
    for (const message of [{ data: true }, {}]) {
      const one = channel({ event: true, clear_after: '10s' });
      one.accept(message, 0);
      one.acceptLate(message, 1);
      assert.deepEqual(alerts(one.elapse(10_001)), ['cleared i1 x2']);
    }
  });

  it('is no danger if it is unusable, or says nothing about the channel', () => {
    const one = channel({ field: 'found[0].score', alert_when: '> 5' });
    for (const message of [{ found: [] }, { found: [{ score: Number.NaN }] }, { found: [{ score: 'x' }] }, {}])
      assert.deepEqual(one.acceptLate(message, 0), []);
    assert.deepEqual(alerts(one.acceptLate({ found: [{ score: Number.POSITIVE_INFINITY }] }, 1)), ['raised i1']);
    const diagnostics = channel({ diagnostics: { name: 'motor' }, alert_when: '> 1' });
    assert.deepEqual(diagnostics.acceptLate({ status: [] }, 0), []);
    assert.deepEqual(alerts(diagnostics.acceptLate({ status: [{ name: 'motor', level: 2 }] }, 1)), ['raised i1']);
  });
});
