// Reads the arguments of benches and campaigns. A mistake throws an error of one line that lists the valid values. Pure.
import { type ParseArgsConfig, parseArgs } from 'node:util';

export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments<Options extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error));
  }
}

/** @throws UsageError */
export function readCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${name} ${text}: expected a whole number of at least ${least}`);
}
