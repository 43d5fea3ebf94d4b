import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCampaign } from './campaign.ts';

/** More by `npm run test:model -- --runs 100000`. */
const RUNS = 2_000;

describe('the outbox in any history', () => {
  it('loses nothing, gives nothing out twice, and accounts for every row once the link heals', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'outbox', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});
