// The cloud's settings, from the environment and a `.env` file; a value in the environment wins. All that is wrong is said at
// once, a line each, before anything is opened.

import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { messageOf } from '../../../src/base/index.ts';
import type { DatabaseSettings } from '../database/index.ts';
import { SettingsError } from '../errors/index.ts';
import { patternProblem } from '../messages/index.ts';
import { type CredentialPaths, type Credentials, readCredentials } from './credentials.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { type HttpSettings, httpSettingsFrom } from './http.ts';
import { type Retention, retentionFrom } from './retention.ts';

export interface Settings extends DatabaseSettings {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | null;
  /** Topic prefixes of the robots; one level of each may be `+`. */
  readonly patterns: readonly string[];
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly publicTelemetry: boolean;
  /** Whose state the given routes show where there are several robots. */
  readonly defaultThing: string | null;
  /** Shortest time between two receipts of one outbox where nothing is urgent. */
  readonly receiptIntervalMs: number;
  /** How long each table keeps its rows. */
  readonly retention: Retention;
  /** How long a robot may be silent before that is an alert; 0: for ever. A robot's own time comes before it. */
  readonly silentAfterMs: number;
  /** Where the robots' uploads are; null: there are none. */
  readonly uploads: UploadSettings | null;
  readonly http: HttpSettings;
  readonly logLevel: string;
}

export interface UploadSettings {
  readonly bucket: string;
  /** Null: AWS, with the SDK's own variables. */
  readonly endpoint: string | null;
  /** What one robot may announce in a day. */
  readonly dailyBytes: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const CREDENTIALS = { rootCa: 'AWS_ROOT_CA', certFile: 'AWS_CERT_FILE', privateKey: 'AWS_PRIVATE_KEY' } as const;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DATA_DIR = './cloud-data';
const GIB = 1_024 ** 3;
const MAX_RECEIPT_INTERVAL_MS = UNIT_MS.h ?? 0;

/** @param file a `.env` file, which may be missing. */
export function readEnvironment(environment: Environment, file: string): Environment {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return environment;
    throw new SettingsError([`${file}: ${messageOf(error)}`]);
  }
  const given = Object.entries(environment).filter(([, value]) => value !== undefined && value !== '');
  return { ...parseEnv(text), ...Object.fromEntries(given) };
}

/** The AWS SDK reads its variables from the process's environment alone: what `.env` says of them goes there. */
export function giveToSdk(environment: Environment): void {
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('AWS_') && value !== undefined && value !== '') process.env[name] ||= value;
  }
}

/** @throws SettingsError with a line for each value that can't be used. */
export function settingsFrom(environment: Environment): Settings {
  const lines: string[] = [];
  const get = (name: string, fallback: string): string => environment[name] || fallback;
  const take = <T>(name: string, fallback: string, parse: (text: string) => T | Wrong): T | null => {
    const text = get(name, fallback);
    const value = parse(text);
    if (!(value instanceof Wrong)) return value;
    lines.push(`${name}=${value.shows ? text : '...'}: ${value.expected}`);
    return null;
  };
  const endpoint = environment.AWS_IOT_ENDPOINT ? take('AWS_IOT_ENDPOINT', '', wrapped(endpointOf)) : null;
  if (!environment.AWS_IOT_ENDPOINT) {
    lines.push(
      'AWS_IOT_ENDPOINT is not set: the host name of your AWS IoT Core (aws iot describe-endpoint --endpoint-type iot:Data-ATS) or of another MQTT broker',
    );
  }
  const paths = endpoint?.tls ? pathsFrom(environment, lines) : null;
  const patterns = take('TOPIC_PATTERN', 'elderly_bot', patternsFrom);
  const databaseUrl = environment.DATABASE_URL ? take('DATABASE_URL', '', databaseUrlFrom) : null;
  const port = take('PORT', '8080', portFrom);
  const publicTelemetry = take('PUBLIC_TELEMETRY', 'true', yesOrNo);
  const receiptIntervalMs = take('RECEIPT_INTERVAL', '5m', intervalFrom);
  const retention = take('RETENTION', 'readings=90d', wrapped(retentionFrom));
  const silentAfterMs = take('ROBOT_SILENT_AFTER', '15m', silenceFrom);
  const dailyBytes = take('UPLOADS_PER_DAY', '1GiB', bytesFrom);
  const http = httpSettingsFrom(environment, lines);
  const logLevel = take('LOG_LEVEL', 'info', (text) =>
    LOG_LEVELS.includes(text) ? text : new Wrong(`expected one of ${LOG_LEVELS.join(', ')}`),
  );
  const credentials = paths ? collecting(lines, () => readCredentials(paths)) : null;
  if (
    lines.length > 0 ||
    !endpoint ||
    !patterns ||
    port === null ||
    publicTelemetry === null ||
    receiptIntervalMs === null ||
    !retention ||
    silentAfterMs === null ||
    dailyBytes === null ||
    !logLevel
  ) {
    throw new SettingsError(lines);
  }
  return {
    endpoint,
    credentials,
    patterns,
    databaseUrl,
    dataDir: get('CLOUD_DATA_DIR', DATA_DIR),
    host: get('HOST', '127.0.0.1'),
    port,
    publicTelemetry,
    defaultThing: environment.DEFAULT_THING || null,
    receiptIntervalMs,
    retention,
    silentAfterMs,
    uploads: environment.S3_BUCKET
      ? { bucket: environment.S3_BUCKET, endpoint: environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL || null, dailyBytes }
      : null,
    http,
    logLevel,
  };
}

/** Only what a command needs that speaks with the database alone. @throws SettingsError */
export function databaseSettingsFrom(environment: Environment): DatabaseSettings {
  const databaseUrl = environment.DATABASE_URL ? databaseUrlFrom(environment.DATABASE_URL) : null;
  if (databaseUrl instanceof Wrong) throw new SettingsError([`DATABASE_URL=...: ${databaseUrl.expected}`]);
  return { databaseUrl, dataDir: environment.CLOUD_DATA_DIR || DATA_DIR };
}

export class Wrong {
  readonly expected: string;
  /** False where the value may hold a secret. */
  readonly shows: boolean;

  constructor(expected: string, shows = true) {
    this.expected = expected;
    this.shows = shows;
  }
}

function wrapped<T extends object>(parse: (text: string) => T | string): (text: string) => T | Wrong {
  return (text) => {
    const value = parse(text);
    return typeof value === 'string' ? new Wrong(value) : value;
  };
}

function pathsFrom(environment: Environment, lines: string[]): CredentialPaths | null {
  const missing = Object.values(CREDENTIALS).filter((name) => !environment[name]);
  for (const name of missing) lines.push(`${name} is not set: the path of a PEM file, for the cloud's own certificate`);
  if (missing.length > 0) return null;
  const [rootCa = '', certFile = '', privateKey = ''] = Object.values(CREDENTIALS).map((name) => environment[name]);
  return { rootCa, certFile, privateKey };
}

function patternsFrom(text: string): string[] | Wrong {
  const patterns = text.split(',').map((pattern) => pattern.trim());
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem) return new Wrong(`${pattern || 'an empty prefix'}: ${problem}, such as elderly_bot or fleet/+`);
  }
  return patterns;
}

function databaseUrlFrom(text: string): string | Wrong {
  const valid = URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol);
  return valid
    ? text
    : new Wrong('expected postgresql://user:password@host:5432/database, or nothing for the database in the process', false);
}

function portFrom(text: string): number | Wrong {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : new Wrong('expected a port from 0 (any that is free) to 65535');
}

function yesOrNo(text: string): boolean | Wrong {
  if (text !== 'true' && text !== 'false') return new Wrong('expected true or false');
  return text === 'true';
}

function intervalFrom(text: string): number | Wrong {
  const match = /^(\d{1,6})(ms|s|m|h)$/.exec(text);
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
  return ms > 0 && ms <= MAX_RECEIPT_INTERVAL_MS ? ms : new Wrong('expected a time such as 2s or 5m, at most 1h');
}

/** A robot is heard once a minute. @returns milliseconds, 0 for off. */
export function silenceFrom(text: string): number | Wrong {
  if (text === 'off') return 0;
  const match = /^(\d{1,4})(m|h)$/.exec(text);
  const ms = Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ''] ?? Number.NaN);
  return ms > 0 ? ms : new Wrong('expected a time such as 10m or 2h, or off');
}

function bytesFrom(text: string): number | Wrong {
  const match = /^(\d{1,6})(MiB|GiB)$/.exec(text);
  const bytes = Number(match?.[1]) * (match?.[2] === 'GiB' ? GIB : GIB / 1_024);
  return bytes > 0 ? bytes : new Wrong('expected an amount such as 500MiB or 1GiB');
}

function collecting<T>(lines: string[], read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    lines.push(...error.lines);
    return null;
  }
}
