import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCampaign } from './campaign.ts';

/** `npm run test:model -- --model flapping --runs 100000` runs more histories. */
const RUNS = 10_000;

describe('an alert that flaps, in any history', () => {
  it('stands for the cloud as long as it may stand, ends there, and fills no outbox', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'flapping', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});
