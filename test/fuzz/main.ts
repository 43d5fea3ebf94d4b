// `npm run fuzz:commands -- --runs N`: sends N valid, mutated and hostile messages to the robot's commands. Writes progress and failures to
// stderr. With --json, the last line of stdout is one object. Exits with 1 after a failure and with 2 for an invalid command line.
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/index.ts';
import { fuzzCommands } from './fuzz.ts';

const USAGE = 'npm run fuzz:commands -- [--runs 10000] [--seed S] [--json]';

function readArguments(): { runs: number; seed: number; json: boolean } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { runs: text, seed: text, json: { type: 'boolean' } } });
  const runs = Number(values.runs ?? 10_000);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: expected a number from 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: expected a whole number`);
  return { runs, seed, json: values.json ?? false };
}

async function main(): Promise<number> {
  const { runs, seed, json } = readArguments();
  process.stderr.write(`${runs} messages for the commands, seed ${seed}\n`);
  const startedMs = performance.now();
  const { failure, ...report } = await fuzzCommands(runs, seed);
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  if (failure !== undefined) process.stderr.write(`${failure}\n`);
  const text = `${report.messages} messages, ${report.published} published, ${report.answered} answered, ${failure ? 'FAILED' : 'no failure'} in ${seconds} s`;
  process.stderr.write(`${text}\n`);
  if (json)
    process.stdout.write(`${JSON.stringify({ name: 'fuzz-commands', seed, runs, seconds, failures: failure ? 1 : 0, ...report })}\n`);
  return failure === undefined ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${USAGE}\n`);
  process.exitCode = 2;
}
