// A short part of `npm run faults -- kill`: the whole agent, killed three times under load.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { kill } from './campaigns/kill.ts';
import { seeded } from './random.ts';

it('loses and doubles nothing when the agent is killed three times under load', { skip: kill.missing(), timeout: 120_000 }, async () => {
  const { lost, doubled, failures } = await kill.run({ runs: 3, forMs: 0, random: seeded(7), say: () => {} });
  assert.deepEqual({ lost, doubled, failures }, { lost: 0, doubled: 0, failures: [] });
});
