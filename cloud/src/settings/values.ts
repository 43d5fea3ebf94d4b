// Parses the texts of single settings into values. Each error message names the expected form.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import type { RowTable } from '../messages/index.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const MIB = 1_024 ** 2;
const ORIGIN = 'expected an origin without a path, such as https://family.example.org';

/**
 * @param parse returns the value, or a text that describes the fault.
 * @param missing the message if the variable is not set.
 */
export function parsed<T extends object>(parse: (text: string) => T | string, missing?: string) {
  return z.string(missing).transform((text, context): T => {
    const value = parse(text);
    if (typeof value !== 'string') return value;
    context.addIssue(value);
    return z.NEVER;
  });
}

/** A comma-separated list. Empty elements and spaces around an element are ignored. */
export function list<T>(element: z.ZodType<T, string>) {
  return z
    .string()
    .transform((text) => elementsOf(text).filter(Boolean))
    .pipe(z.array(element));
}

export function elementsOf(text: string, separator = ','): string[] {
  return text.split(separator).map((entry) => entry.trim());
}

export function yesOrNo() {
  return z.enum(['true', 'false'], 'expected true or false').transform((text) => text === 'true');
}

/** @returns milliseconds, greater than 0; NaN if the text is not a number of at most `digits` digits with one of the units. */
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

export function wholeNumber(least: number, most: number, expected: string) {
  return z
    .string()
    .regex(/^\d{1,5}$/, expected)
    .transform(Number)
    .pipe(z.number().min(least, expected).max(most, expected));
}

export function origin() {
  return z.string().refine((text) => URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text, ORIGIN);
}

/** An IP address or network. */
export function network() {
  return z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'expected an address or a network such as 10.0.0.0/8');
}

/** An address or network of a proxy, which may name the caller's address. */
export function proxy() {
  return network().refine((entry) => !/\/0+$/.test(entry), 'a network of all addresses would let every caller name any address as its own');
}

/** The path of the certificate of a CA. */
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

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** False only for a broker on this machine (`mqtt://localhost:1883`), so that no data leaves the machine unencrypted. */
  readonly tls: boolean;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** @param text `host`, `host:port` or `mqtts://host:port`. @returns the endpoint, or the fault of the text. */
export function endpointOf(text: string): Endpoint | string {
  const address = /^[a-z]+:\/\//i.test(text) ? text : `mqtts://${text}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url?.hostname || (url.pathname !== '' && url.pathname !== '/') || url.username || url.search || url.hash) {
    return 'expected a host, host:port or mqtts://host:port';
  }
  if (url.protocol !== 'mqtts:' && url.protocol !== 'mqtt:') return `${url.protocol}// is not supported; expected mqtts://`;
  const tls = url.protocol === 'mqtts:';
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  const host = isIPv6(bare) ? bare : url.hostname;
  if (!tls && !LOOPBACK.test(host)) return 'only a broker on this machine may be used without TLS; expected mqtts://';
  return { host, port: url.port ? Number(url.port) : tls ? 8883 : 1883, tls };
}

const MAX_DAYS = 36_500;

type RetainedTable = RowTable | 'commands' | 'poison_messages' | 'system_health' | 'safety_monitor';

/** The days for which each table keeps its rows. Null means for ever. */
export interface Retention extends Readonly<Record<RetainedTable, number | null>> {
  /** The tables whose days are stated. The others have their default. */
  readonly named: readonly string[];
}

export const DEFAULT_RETENTION: Retention = {
  readings: 90,
  results: 365,
  events: 365,
  commands: 365,
  poison_messages: 90,
  system_health: 90,
  safety_monitor: 90,
  named: [],
};

/** @param text for example `readings=90d,events=forever`. Other tables keep their default. @returns the retention, or the fault. */
export function retentionFrom(text: string): Retention | string {
  const { named: _, ...defaults } = DEFAULT_RETENTION;
  const stated: Record<string, number | null> = {};
  for (const part of elementsOf(text).filter(Boolean)) {
    const [table = '', time = ''] = elementsOf(part, '=');
    if (!Object.hasOwn(defaults, table))
      return `${table}: expected TABLE=days, such as readings=90d; tables: ${Object.keys(defaults).join(', ')}`;
    const days = Number(/^([1-9]\d{0,4})d$/.exec(time)?.[1]);
    if (time !== 'forever' && !(days <= MAX_DAYS)) return `${part}: expected days, such as ${table}=90d, or ${table}=forever`;
    stated[table] = time === 'forever' ? null : days;
  }
  return { ...defaults, ...stated, named: Object.keys(stated) };
}
