// Parses the command line of the fleet simulation. A mistake throws an error of one line. Pure.
import { readArguments, readCount, UsageError } from '../support/commandLine.ts';

export interface FleetOptions {
  readonly robots: number;
  /** Simulated minutes. */
  readonly minutes: number;
  /** Readings of a robot in a minute. */
  readonly readings: number;
  /** Simulated seconds in a second. */
  readonly speed: number;
}

const text = { type: 'string' } as const;
const OPTIONS = { robots: text, minutes: text, readings: text, speed: text, json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
/** A fall, its end, and a minute on each side of the kill. */
const LEAST_MINUTES = 4;
/** A message has at most 5,000 readings and 100 KiB. */
const MOST_READINGS = 1_000;
/** Faster than this, an hour ends before an instance has started again. */
const MOST_SPEED = 60;

export const USAGE =
  `npm run fleet -- [--robots 10000] [--minutes 60 (${LEAST_MINUTES} or more)] [--readings 6 (1 to ${MOST_READINGS})] ` +
  `[--speed 8 (1 to ${MOST_SPEED})] [--json]`;

/** @throws UsageError */
export function readOptions(args: readonly string[]): FleetOptions & { readonly json: boolean; readonly help: boolean } {
  const { values, positionals } = readArguments(args, OPTIONS);
  if (positionals[0] !== undefined) throw new UsageError(`unknown argument "${positionals[0]}"`);
  return {
    robots: readCount('robots', values.robots ?? '10000', 1),
    minutes: readCount('minutes', values.minutes ?? '60', LEAST_MINUTES),
    readings: atMost('readings', readCount('readings', values.readings ?? '6', 1), MOST_READINGS),
    speed: atMost('speed', readCount('speed', values.speed ?? '8', 1), MOST_SPEED),
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function atMost(name: string, value: number, most: number): number {
  if (value > most) throw new UsageError(`--${name} ${value}: expected a whole number of at most ${most}`);
  return value;
}
