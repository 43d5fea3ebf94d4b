// The command line of the benches. Pure: a mistake is one line that says what is there.
import { parseArgs } from 'node:util';

export interface Options {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly seed: number;
  readonly rounds: number;
  /** Microseconds added to each fsync of every durable bridge. */
  readonly slowFsyncUs: number;
}

export class UsageError extends Error {}

const ROUNDS = 3;

/** @throws UsageError */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const names = positionals.includes('all') ? known : positionals;
  const unknown = names.find((name) => !known.includes(name));
  const list = `all, ${known.join(', ')}`;
  if (unknown !== undefined) throw new UsageError(`there is no bench "${unknown}"; there are: ${list}`);
  if (names.length === 0) throw new UsageError(`name a bench: ${list}`);
  const rounds = count('rounds', values.rounds ?? String(ROUNDS), 1);
  const seed = count('seed', values.seed ?? String(Date.now() % 1_000_000), 0);
  return { names, json: values.json ?? false, seed, rounds, slowFsyncUs: microseconds(values['slow-fsync'] ?? '0ms') };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { json: { type: 'boolean' }, seed: { type: 'string' }, rounds: { type: 'string' }, 'slow-fsync': { type: 'string' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error));
  }
}

function count(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} ${text}: expected a whole number of at least ${least}`);
}

function microseconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(us|ms)$/.exec(text);
  if (!match) throw new UsageError(`--slow-fsync ${text}: expected a duration such as 5ms or 500us`);
  return Math.round(Number(match[1]) * (match[2] === 'ms' ? 1000 : 1));
}
