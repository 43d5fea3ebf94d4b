// A short share of `npm run faults -- commands`: each point once.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commands } from './campaigns/commands.ts';
import { seeded } from './random.ts';

it('a command runs at most once and is answered once, wherever between record and result the agent is killed', {
  skip: commands.missing(),
  timeout: 120_000,
}, async () => {
  const { failures } = await commands.run({ runs: 1, forMs: 0, random: seeded(7), say: () => {} });
  assert.deepEqual(failures, []);
});
