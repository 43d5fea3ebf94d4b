// Parses the command line of the benches. A mistake throws an error of one line that lists the valid values. Pure.
import { readArguments, readCount, UsageError } from '../support/commandLine.ts';

export interface Options {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly seed: number;
  readonly rounds: number;
  /** Microseconds added to each fsync of every durable bridge. */
  readonly slowFsyncUs: number;
}

const OPTIONS = {
  json: { type: 'boolean' },
  seed: { type: 'string' },
  rounds: { type: 'string' },
  'slow-fsync': { type: 'string' },
} as const;

const ROUNDS = 3;

/** @throws UsageError */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = readArguments(args, OPTIONS);
  const names = positionals.includes('all') ? known : positionals;
  const unknown = names.find((name) => !known.includes(name));
  const list = `all, ${known.join(', ')}`;
  if (unknown !== undefined) throw new UsageError(`there is no bench "${unknown}"; there are: ${list}`);
  if (names.length === 0) throw new UsageError(`name a bench: ${list}`);
  const rounds = readCount('rounds', values.rounds ?? String(ROUNDS), 1);
  const seed = readCount('seed', values.seed ?? String(Date.now() % 1_000_000), 0);
  return { names, json: values.json ?? false, seed, rounds, slowFsyncUs: microseconds(values['slow-fsync'] ?? '0ms') };
}

function microseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms)$/.exec(text);
  if (!match) throw new UsageError(`--slow-fsync ${text}: expected a duration such as 5ms or 500us`);
  return Math.round(Number(match[1]) * (match[2] === 'ms' ? 1000 : 1));
}
