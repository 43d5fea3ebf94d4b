// `npm run fleet` simulates a fleet on two instances of the cloud, of which one is killed, and checks that each row and alert is stored once.
// Progress goes to stderr; with --json the last line of stdout is one object. It exits with 1 after a failure, and with 2 for a wrong
// command line or a missing part.
import { messageOf } from '../../src/base/index.ts';
import { rounded } from '../bench/figures.ts';
import { UsageError } from '../support/commandLine.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { postgresUnavailable } from '../support/postgres.ts';
import { readOptions, USAGE } from './options.ts';
import { runFleet } from './run.ts';

const stop = new AbortController();
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    process.exitCode = code;
    stop.abort(new Error(`ended by ${signal}`));
  });
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(args: readonly string[]): Promise<number> {
  const { json, help, ...options } = readOptions(args);
  if (help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const missing = mosquittoUnavailable() || postgresUnavailable();
  if (missing) throw new UsageError(missing);
  const { robots, minutes, readings, speed } = options;
  say(`fleet: ${robots} robots, ${minutes} minutes with ${readings} readings each, ${speed} times as fast; two instances, one is killed`);
  const { verdict, failures, figures } = await runFleet(options, (text) => say(`  ${text}`), stop.signal);
  for (const [name, value] of Object.entries({ ...verdict, ...figures })) say(`  ${name}: ${JSON.stringify(rounded(value))}`);
  for (const failure of failures) say(`  FAILED: ${failure}`);
  if (json) process.stdout.write(`${JSON.stringify({ name: 'fleet', ...verdict, failures, ...(rounded(figures) as object) })}\n`);
  return failures.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (stop.signal.aborted) say(`fleet: ${messageOf(error)}`);
  else if (error instanceof UsageError) {
    say(`fleet: ${error.message}\n${USAGE}`);
    process.exitCode = 2;
  } else throw error;
}
