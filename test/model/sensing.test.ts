import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCampaign } from './campaign.ts';

/** `npm run test:model -- --model sensing --runs 100000` runs more histories. */
const RUNS = 2_000;

describe('a channel in any history', () => {
  it('reports each start and end of an alert at its time, and no reading that its gates suppress', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'sensing', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});
