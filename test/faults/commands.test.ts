// A short part of `npm run faults -- commands`: each point once.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commands } from './campaigns/commands.ts';
import { seeded } from './random.ts';

it('runs a command at most once and answers it once, wherever the agent is killed between record and result', {
  skip: commands.missing(),
  timeout: 120_000,
}, async () => {
  const { failures } = await commands.run({ runs: 1, forMs: 0, random: seeded(7), say: () => {} });
  assert.deepEqual(failures, []);
});
