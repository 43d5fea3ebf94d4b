// Parses durations such as `250ms`, `60s`, `7d` into milliseconds, and sizes such as `256MiB` into bytes.
import * as z from 'zod';

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

function quantity(units: Readonly<Record<string, number>>, text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
  const factor = units[match?.[2] ?? ''];
  return match && factor ? Math.round(Number(match[1]) * factor) : undefined;
}

function unitSchema(units: Readonly<Record<string, number>>, expected: string) {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const parsed = typeof value === 'string' ? quantity(units, value) : undefined;
    if (parsed === undefined) {
      context.addIssue({ code: 'custom', message: expected, input: value });
      return z.NEVER;
    }
    return parsed;
  });
}

/** A duration with its unit, in milliseconds. */
export const duration = unitSchema(DURATION_UNITS, 'expected a duration with its unit, such as 250ms, 60s, 5m, 1h or 7d');

/** A size with its unit, in bytes. */
export const size = unitSchema(SIZE_UNITS, 'expected a size with its unit, such as 64KiB, 256MiB or 1GB');

/** A {@link duration} within limits, both included. */
export function durationBetween(min: string, max: string) {
  const [low, high] = [quantity(DURATION_UNITS, min) ?? 0, quantity(DURATION_UNITS, max) ?? 0];
  return duration.refine((ms) => ms >= low && ms <= high, `expected a duration from ${min} to ${max}`);
}
