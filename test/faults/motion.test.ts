// A short part of `npm run faults -- motion`: each fault once.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { motion } from './campaigns/motion.ts';
import { seeded } from './random.ts';

it('stops a driving robot in time after each fault of agent, broker, guard and clock', {
  skip: motion.missing(),
  timeout: 120_000,
}, async () => {
  const { failures } = await motion.run({ runs: 1, forMs: 0, random: seeded(7), say: () => {} });
  assert.deepEqual(failures, []);
});
