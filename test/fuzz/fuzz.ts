// Runs thousands of random histories. fast-check shrinks a failing history to the shortest history that still fails.
import fc from 'fast-check';
import { messageOf } from '../../src/base/index.ts';
import { STEP } from './generate.ts';
import { History, type Tally } from './history.ts';

const MOST_STEPS = 150;
const STEPS = 75;

export interface FuzzReport extends Tally {
  readonly histories: number;
  /** The failure, with the seed and the path that reproduce it. Undefined without a failure. */
  readonly failure: string | undefined;
}

/** @param messages the smallest number of messages. A history has about a hundred messages. */
export async function fuzzCommands(messages: number, seed: number): Promise<FuzzReport> {
  const tally: Tally = { messages: 0, published: 0, signed: 0, stops: 0, answered: 0, statuses: {} };
  let histories = 0;
  let failure: string | undefined;
  const property = fc.asyncProperty(fc.array(STEP, { minLength: 1, maxLength: MOST_STEPS, size: 'max' }), async (steps) => {
    histories++;
    await new History(tally).run(steps);
  });
  for (let n = 0; tally.messages < messages && failure === undefined; n++) {
    const batch = Math.max(1, Math.min(50, Math.ceil((messages - tally.messages) / STEPS)));
    const details = await fc.check(property, { numRuns: batch, seed: seed + n, endOnFailure: false });
    if (details.failed) {
      const { errorInstance, counterexample, counterexamplePath } = details;
      const steps = counterexample?.[0].map((step) => step.do).join(' ');
      failure = `${messageOf(errorInstance)}\nafter: ${steps}\nseed ${seed + n}, path ${counterexamplePath}`;
    }
  }
  return { ...tally, histories, failure };
}
