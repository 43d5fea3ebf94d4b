// Parses the command line of the fault campaigns. A mistake throws an error of one line that lists the valid values. Pure.
import { readArguments, readCount, UsageError } from '../support/commandLine.ts';

export interface Options {
  readonly name: string;
  readonly json: boolean;
  readonly seed: number;
  /** Number of runs, or of runs per kind (--each and --seeds are synonyms). Undefined means the campaign's default. */
  readonly runs: number | undefined;
  /** The duration of a campaign with a time limit. Undefined means the campaign's default. */
  readonly forMs: number | undefined;
  /** The kinds of damage to play. Undefined means all. */
  readonly only: readonly string[] | undefined;
}

const OPTIONS = {
  json: { type: 'boolean' },
  seed: { type: 'string' },
  runs: { type: 'string' },
  each: { type: 'string' },
  seeds: { type: 'string' },
  for: { type: 'string' },
  only: { type: 'string' },
} as const;

/** @throws UsageError */
export function readOptions(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = readArguments(args, OPTIONS);
  const [name, ...more] = positionals;
  const list = known.join(', ');
  if (name === undefined) throw new UsageError(`name a campaign: ${list}`);
  if (more.length > 0) throw new UsageError(`one campaign at a time, not ${positionals.join(' and ')}`);
  if (!known.includes(name)) throw new UsageError(`there is no campaign "${name}"; there are: ${list}`);
  return {
    name,
    json: values.json ?? false,
    seed: readCount('seed', values.seed ?? String(Date.now() % 1_000_000), 0),
    runs:
      values.runs !== undefined
        ? readCount('runs', values.runs, 1)
        : values.each !== undefined
          ? readCount('each', values.each, 1)
          : values.seeds !== undefined
            ? readCount('seeds', values.seeds, 1)
            : undefined,
    forMs: values.for === undefined ? undefined : milliseconds(values.for),
    only: values.only?.split(','),
  };
}

function milliseconds(text: string): number {
  const [, number, unit] = /^([1-9]\d*)(s|m|h)$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--for ${text}: expected a time such as 90s, 30m or 2h`);
  return Number(number) * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1_000);
}
