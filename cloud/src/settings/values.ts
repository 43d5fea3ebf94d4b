// Schemas of single settings: from the text of a variable to its value. Each message says what is expected.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const MIB = 1_024 ** 2;
const ORIGIN = 'expected an origin without a path, such as https://family.example.org';

/**
 * @param parse returns the value, or the text of what is wrong.
 * @param missing says what to set if the variable is not set.
 */
export function parsed<T extends object>(parse: (text: string) => T | string, missing?: string) {
  return z.string(missing).transform((text, context): T => {
    const value = parse(text);
    if (typeof value !== 'string') return value;
    context.addIssue(value);
    return z.NEVER;
  });
}

/** Elements between commas. Spaces around them and empty elements do not count. */
export function list<T>(element: z.ZodType<T, string>) {
  return z
    .string()
    .transform((text) => elementsOf(text).filter(Boolean))
    .pipe(z.array(element));
}

export function elementsOf(text: string): string[] {
  return text.split(',').map((entry) => entry.trim());
}

export function yesOrNo() {
  return z.enum(['true', 'false'], 'expected true or false').transform((text) => text === 'true');
}

/** @returns milliseconds, more than 0; NaN if the text is not a count of at most `digits` digits with one of the units. */
export function msFrom(text: string, digits: number, units: readonly string[]): number {
  const [, count, unit = ''] = new RegExp(`^(\\d{1,${digits}})(${units.join('|')})$`).exec(text) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? Number.NaN) || Number.NaN;
}

export function bytes() {
  const expected = 'expected an amount such as 500MiB or 1GiB';
  return z
    .string()
    .regex(/^\d{1,6}(MiB|GiB)$/, expected)
    .transform((text) => Number.parseInt(text, 10) * (text.endsWith('GiB') ? MIB * 1_024 : MIB))
    .pipe(z.number().min(1, expected));
}

export function port() {
  const expected = 'expected a port from 0 (any free port) to 65535';
  return z
    .string()
    .regex(/^\d{1,5}$/, expected)
    .transform(Number)
    .pipe(z.number().max(65_535, expected));
}

export function origin() {
  return z.string().refine((text) => URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text, ORIGIN);
}

/** An address or a network such as 10.0.0.0/8. */
export function network() {
  return z.string().refine((entry) => {
    const [address = '', bits, more] = entry.split('/');
    const version = isIP(address);
    const most = version === 4 ? 32 : 128;
    return version > 0 && more === undefined && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most));
  }, 'expected an address or a network such as 10.0.0.0/8');
}

/** The path of a CA's certificate. */
export function caFile() {
  return parsed((path): X509Certificate | string => {
    try {
      const certificate = new X509Certificate(readFileSync(path));
      return certificate.ca ? certificate : 'this certificate is not a CA certificate';
    } catch (error) {
      return `${messageOf(error)}; expected the PEM file of the CA that signs the robots' certificates`;
    }
  });
}
