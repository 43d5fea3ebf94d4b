import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { runCampaign } from './campaign.ts';
import { type PlantedFaults, receiptsProperty } from './receipts.ts';
import { RobotFolder } from './robot.ts';

/** `npm run test:model -- --runs 100000` runs more histories. */
const RUNS = 300;

/** The model has to find each planted fault within this number of histories. */
const FOUND_WITHIN = 1_000;

describe('the receipts in any history', () => {
  it('release only committed or declared rows, and every row is delivered once the link works again', async (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    const { failure } = await runCampaign({ model: 'receipts', runs: RUNS, seed });
    assert.equal(failure, undefined, failure);
  });
});

describe('the model of the receipts finds', () => {
  const released = /the robot released rows that the database does not have/;
  const waiting = /still outstanding|waits for rows that no longer exist|ask for receipts for ever/;
  finds('a receipt that counts gaps as delivered', released, { receipt: (receipt) => ({ ...receipt, through: receipt.accepted }) });
  finds('coverage that is read before its commit', released, { dirtyReads: true });
  finds('a row that is never sent again', waiting, { receipt: (receipt) => ({ ...receipt, mark: [0, 0] }) });
  finds('evicted rows that are not declared', waiting, {
    upward: (_topic, text) => text.replace(/"ranges":\[.*\],"reason"/, '"ranges":[],"reason"'),
  });
  finds('a robot that never announces its outboxes', waiting, {
    upward: (topic, text) => (topic.endsWith('/presence') ? JSON.stringify({ ...JSON.parse(text), outboxes: [] }) : text),
  });
  finds('marks of another clock', /was sent again/, {
    receipt: ({ mark: [boot, ms], ...rest }) => ({ ...rest, mark: [boot, ms + 3_600_000] }),
  });
});

function finds(title: string, expected: RegExp, planted: PlantedFaults): void {
  it(title, async (context) => {
    const folder = new RobotFolder();
    try {
      const property = receiptsProperty(folder, () => {}, planted);
      const { failed, numRuns, errorInstance } = await fc.check(property, { numRuns: FOUND_WITHIN, endOnFailure: true, seed: 1 });
      assert.ok(failed, `not found in ${numRuns} histories`);
      assert.match((errorInstance as Error).message, expected);
      context.diagnostic(`in history ${numRuns}`);
    } finally {
      folder.remove();
    }
  });
}
