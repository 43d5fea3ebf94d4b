import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { runCampaign } from './campaign.ts';
import { type Plants, receiptsProperty } from './receipts.ts';
import { RobotFolder } from './robot.ts';

/** More by `npm run test:model -- --runs 100000`. */
const RUNS = 300;

/** Faults that are planted have to be found in no more histories than this. */
const FOUND_WITHIN = 1_000;

describe('the receipts in any history', () => {
  it('release nothing that is not committed or declared, and deliver everything once the link heals', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'receipts', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});

describe('the model of the receipts finds', () => {
  const released = /the robot let rows go that the database does not have/;
  const waiting = /still outstanding|waits for rows that nobody has|ask for receipts for ever/;
  finds('a receipt that counts gaps as delivered', released, { receipt: (receipt) => ({ ...receipt, through: receipt.accepted }) });
  finds('coverage that is read before it is committed', released, { dirtyReads: true });
  finds('a row that is never sent again', waiting, { receipt: (receipt) => ({ ...receipt, mark: [0, 0] }) });
  finds('rows given up without a word', waiting, {
    upward: (_topic, text) => text.replace(/"ranges":\[.*\],"reason"/, '"ranges":[],"reason"'),
  });
  finds('a robot that never says which outboxes it has', waiting, {
    upward: (topic, text) =>
      topic.endsWith('/presence') ? text.replace(/"outboxes":\[.*\],"commands"/, '"outboxes":[],"commands"') : text,
  });
  finds('marks of another clock', /was sent again/, {
    receipt: ({ mark: [boot, ms], ...rest }) => ({ ...rest, mark: [boot, ms + 3_600_000] }),
  });
});

function finds(what: string, expected: RegExp, plants: Plants): void {
  it(what, async (context) => {
    const folder = new RobotFolder();
    try {
      const property = receiptsProperty(folder, () => {}, plants);
      const { failed, numRuns, errorInstance } = await fc.check(property, { numRuns: FOUND_WITHIN, endOnFailure: true, seed: 1 });
      assert.ok(failed, `not found in ${numRuns} histories`);
      assert.match((errorInstance as Error).message, expected);
      context.diagnostic(`in history ${numRuns}`);
    } finally {
      folder.remove();
    }
  });
}
