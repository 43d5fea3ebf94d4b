import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCampaign } from './campaign.ts';

/** More by `npm run test:model -- --model sensing --runs 100000`. */
const RUNS = 2_000;

describe('a channel in any history', () => {
  it('tells each change into and out of alert at its time, whatever its gates, and nothing within them', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'sensing', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});
