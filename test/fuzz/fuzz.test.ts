// Runs a short part of `npm run fuzz:commands`.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fuzzCommands } from './fuzz.ts';

it('only configured messages reach ROS, and every readable id gets one result', async () => {
  const { failure, published, signed, answered, statuses } = await fuzzCommands(3_000, 20_261_124);
  assert.equal(failure, undefined);
  // The run covered every status and reason.
  assert.ok(published > 150 && signed > 20 && answered > 1_000, JSON.stringify({ published, signed, answered }));
  for (const status of ['done', 'no_effect', 'expired', 'rejected motion_busy', 'rejected condition_not_met', 'rejected clock_untrusted']) {
    assert.ok(statuses[status], `no result was ${status}: ${JSON.stringify(statuses)}`);
  }
});
