import { describe, it } from 'node:test';
import { checkOutbox } from './outbox.ts';

/** More by `npm run test:model -- --runs 100000`. */
const RUNS = 500;

describe('the outbox in any history', () => {
  it('loses nothing, gives nothing out twice, and accounts for every row once the link heals', (context) => {
    const seed = Date.now() % 2 ** 31;
    context.diagnostic(`seed ${seed}`);
    checkOutbox(RUNS, seed);
  });
});
