import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { runCampaign } from './campaign.ts';
import { type OutboxStep, outboxProperty } from './outbox.ts';
import { RobotFolder } from './robot.ts';

/** More by `npm run test:model -- --runs 100000`. */
const RUNS = 2_000;

describe('the outbox in any history', () => {
  it('loses nothing, gives nothing out twice, and accounts for every row once the link heals', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'outbox', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });

  // Found by seed 2028, history 17,385.
  it('starts on a file that ends in the midst of a page that only its WAL has whole', (t) => {
    const folder = new RobotFolder();
    t.after(() => folder.remove());
    const alert = { do: 'append', what: 'alert', big: true } as const;
    const killed = (at: number) => ({ do: 'kill', damage: { to: 'file', how: 'truncated', at } }) as const;
    for (let at = 0; at < 1; at += 1 / 512) {
      const history: OutboxStep[] = [alert, alert, alert, { do: 'wait', ms: 1 }, { do: 'kill', damage: null }, killed(at)];
      fc.assert(
        outboxProperty(folder, () => {}),
        { examples: [[history]], numRuns: 1 },
      );
    }
  });
});
