// Parses individual values of the configuration: durations such as `250ms`, sizes such as `256MiB`, cron expressions and endpoints.
import { validate } from 'node-cron';
import * as z from 'zod';

/** The path of a key, and the fault in its value. */
export type Fault = readonly [path: readonly (string | number)[], text: string];

export function addFaults(context: z.RefinementCtx, faults: readonly Fault[]): void {
  for (const [path, message] of faults) context.addIssue({ code: 'custom', path: [...path], message });
}

/** Extends a schema by a conversion. If `parse` returns undefined, the value is invalid, and `expected` is the message. */
export function parsedBy<S extends z.ZodType, T>(schema: S, expected: string, parse: (value: z.output<S>) => T | undefined) {
  return schema.transform((value, context): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: expected, input: value });
    return z.NEVER;
  });
}

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

function quantity(units: Readonly<Record<string, number>>, value: string | number): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(typeof value === 'string' ? value.trim() : '');
  const factor = units[match?.[2] ?? ''];
  return match && factor ? Math.round(Number(match[1]) * factor) : undefined;
}

/** A duration with a unit, converted to milliseconds. */
export const duration = parsedBy(
  z.union([z.string(), z.number()]),
  'expected a duration with its unit, such as 250ms, 60s, 5m, 1h or 7d',
  (value) => quantity(DURATION_UNITS, value),
);

/** A size with a unit, converted to bytes. */
export const size = parsedBy(z.union([z.string(), z.number()]), 'expected a size with its unit, such as 64KiB, 256MiB or 1GB', (value) =>
  quantity(SIZE_UNITS, value),
);

/** A {@link duration} from `min` to `max`, inclusive. */
export function durationBetween(min: string, max: string) {
  const [low, high] = [quantity(DURATION_UNITS, min) ?? 0, quantity(DURATION_UNITS, max) ?? 0];
  return duration.refine((ms) => ms >= low && ms <= high, `expected a duration from ${min} to ${max}`);
}

/** A cron expression with five fields (minute, hour, day of month, month, day of week), in UTC. */
export const cron = z
  .string()
  .refine(
    (text) => /^\S+( \S+){4}$/.test(text) && validate(text),
    'expected five cron fields (minute, hour, day, month, weekday; UTC), such as "0 3 * * 0" for Sundays at 3:00',
  );

export interface Endpoint {
  readonly host: string;
  /** Undefined if the address has no port. */
  readonly port: number | undefined;
}

/** Linux permits 15 bytes. */
export const interfaceName = z.string().regex(/^[^\s/:%]{1,15}$/, 'expected the name of a network interface, such as wlan0');

/** Whether no two uplinks have the same network interface. */
export function hasEachOnce(uplinks: readonly (string | { interface: string })[]): boolean {
  return new Set(uplinks.map((uplink) => (typeof uplink === 'string' ? uplink : uplink.interface))).size === uplinks.length;
}

/** Names that Linux gives to mobile modems: wwan0, wwp0s20u4, ppp0. */
const MODEM = /^(ww|ppp)/;

/** Returns the broker's address, and the network interfaces over which to reach it. */
export function brokerOf({
  endpoint,
  uplinks,
}: {
  endpoint: string;
  uplinks: readonly (string | { interface: string; metered: boolean })[];
}) {
  const interfaces = uplinks.map((uplink) =>
    typeof uplink === 'string' ? { name: uplink, isMetered: MODEM.test(uplink) } : { name: uplink.interface, isMetered: uplink.metered },
  );
  return { ...endpointOf(endpoint), interfaces };
}

/** Whether `endpointOf` can parse the text. */
export function isEndpoint(endpoint: string): boolean {
  return URL.canParse(`mqtts://${endpoint}`);
}

/** Parses the broker's address, HOST or HOST:PORT. An IPv6 address must be in brackets. */
export function endpointOf(endpoint: string): Endpoint {
  const { hostname, port } = new URL(`mqtts://${endpoint}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : Number(port) };
}
