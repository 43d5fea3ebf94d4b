// The command line of the fault campaigns. Pure: a mistake is one line that says what is there.
import { parseArgs } from 'node:util';

export interface Options {
  readonly name: string;
  readonly json: boolean;
  readonly seed: number;
  /** Of each kind, where a campaign has several: --each says the same. Undefined: as many as the campaign does by itself. */
  readonly runs: number | undefined;
  /** For a campaign that goes by time; undefined: as long as it does by itself. */
  readonly forMs: number | undefined;
}

export class UsageError extends Error {}

/** @throws UsageError */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const [name, ...more] = positionals;
  const list = known.join(', ');
  if (name === undefined) throw new UsageError(`name a campaign: ${list}`);
  if (more.length > 0) throw new UsageError(`one campaign at a time, not ${positionals.join(' and ')}`);
  if (!known.includes(name)) throw new UsageError(`there is no campaign "${name}"; there are: ${list}`);
  return {
    name,
    json: values.json ?? false,
    seed: count('seed', values.seed ?? String(Date.now() % 1_000_000), 0),
    runs: values.runs !== undefined ? count('runs', values.runs, 1) : values.each !== undefined ? count('each', values.each, 1) : undefined,
    forMs: values.for === undefined ? undefined : milliseconds(values.for),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        seed: { type: 'string' },
        runs: { type: 'string' },
        each: { type: 'string' },
        for: { type: 'string' },
      },
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

function milliseconds(text: string): number {
  const [, number, unit] = /^([1-9]\d*)(s|m|h)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--for ${text}: expected a time such as 90s, 30m or 2h`);
  return Number(number) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1_000);
}
