import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limitsOf, payloadLimit, windowsOf } from '../../src/uplink/brokerLimits.ts';

describe('the limits of a broker', () => {
  it('leave alerts their slots if there are enough, and always one message', () => {
    const windows = (receiveMaximum?: number) => {
      const { alerts, others } = windowsOf(limitsOf(receiveMaximum === undefined ? {} : { receiveMaximum }), 20, 4);
      return [alerts, others];
    };
    assert.deepEqual(
      [windows(), windows(10), windows(4), windows(1)],
      [
        [24, 20],
        [9, 5],
        [3, 1],
        [1, 1],
      ],
    );
  });

  it('count the whole packet', () => {
    assert.equal(payloadLimit({ maxPacketBytes: 1_015 }, 'topic'), 995);
    assert.equal(payloadLimit(limitsOf(undefined), 'topic'), 100 * 1024);
  });
});
