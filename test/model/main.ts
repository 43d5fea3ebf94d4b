// `npm run test:model -- --runs N [--seed S] [--json]`: random histories of the outbox and the world around it.
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.ts';
import { checkOutbox } from './outbox.ts';

const USAGE = 'npm run test:model -- [--runs 10000] [--seed S] [--json]';

function readArguments(): { runs: number; seed: number; json: boolean } {
  const { values } = parseArgs({ options: { runs: { type: 'string' }, seed: { type: 'string' }, json: { type: 'boolean' } } });
  const runs = Number(values.runs ?? 10_000);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: expected a number from 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: expected a whole number`);
  return { runs, seed, json: values.json === true };
}

try {
  const { runs, seed, json } = readArguments();
  const startedMs = performance.now();
  process.stderr.write(`${runs} histories of the outbox, seed ${seed}\n`);
  let failure: string | undefined;
  try {
    checkOutbox(runs, seed);
  } catch (error) {
    const { cause } = error as { cause?: unknown };
    failure = `${messageOf(error)}\n${messageOf(cause)}`;
    process.stderr.write(`${failure}\n`);
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const report = { name: 'outbox', runs, failed: failure === undefined ? 0 : 1, seed, seconds };
  process.stdout.write(
    json ? `${JSON.stringify(report)}\n` : `${runs} histories in ${seconds} s, ${failure ? 'one failed' : 'none failed'}\n`,
  );
  process.exitCode = failure === undefined ? 0 : 1;
} catch (error) {
  process.stderr.write(`${messageOf(error)}; ${USAGE}\n`);
  process.exitCode = 2;
}
