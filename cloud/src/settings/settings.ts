// Reads the cloud's settings from the environment and a `.env` file. It reports all faults at once, one line each, before anything is
// opened.
import { createHmac } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { codeOf, messageOf } from '../../../src/base/index.ts';
import type { DatabaseSettings } from '../database/index.ts';
import { readFailure, SettingsError } from '../errors/index.ts';
import { databaseSchema, schema } from './schema.ts';
import { endpointOf } from './values.ts';

/** The settings that name the cloud's own three certificate files. */
export const CREDENTIALS = ['AWS_ROOT_CA', 'AWS_CERT_FILE', 'AWS_PRIVATE_KEY'] as const;
/** Messages do not show these values, because they may contain a password. */
const SECRETS: ReadonlySet<string> = new Set(['SECRET_KEY', 'DATABASE_URL', 'MONITOR_TOKEN']);

export type Environment = Readonly<Record<string, string | undefined>>;

/** The content of the cloud's own three certificate files. */
export interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A variable of the environment overrides the file, unless it is empty. @param file a `.env` file, which may be missing. */
export function readEnvironment(environment: Environment, file: string): Environment {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return environment;
    throw new SettingsError([`${file}: ${messageOf(error)}`]);
  }
  return { ...parseEnv(text), ...notEmpty(environment) };
}

/** The variables that have a value. An empty value is treated as not set. */
function notEmpty(environment: Environment): Readonly<Record<string, string>> {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '');
  return Object.fromEntries(set);
}

/** Copies the AWS variables of `.env` into the process's environment, because the AWS SDK reads them only there. */
export function exportToSdk(environment: Environment): void {
  for (const [name, value] of Object.entries(notEmpty(environment))) {
    if (name.startsWith('AWS_')) process.env[name] ||= value;
  }
}

/** @throws SettingsError with a line for each invalid value. */
export function settingsFrom(environment: Environment): Settings {
  const { data, error } = schema.safeParse(notEmpty(environment), { reportInput: true });
  const lines = error ? linesOf(error, environment) : [];
  const credentials = credentialsFrom(environment, lines);
  if (!data || lines.length > 0) throw new SettingsError(lines);
  return settingsOf(data, credentials, monitorTokenOf(environment));
}

export type Settings = ReturnType<typeof settingsOf>;

function settingsOf(data: z.output<typeof schema>, credentials: Credentials | null, monitorToken: string) {
  return {
    endpoint: data.AWS_IOT_ENDPOINT,
    credentials,
    /** Topic prefixes of the robots. One level of each may be `+`. */
    patterns: data.TOPIC_PATTERN,
    databaseUrl: data.DATABASE_URL ?? null,
    dataDir: data.CLOUD_DATA_DIR,
    host: data.HOST,
    /** 0 means any free port. */
    port: data.PORT,
    publicTelemetry: data.PUBLIC_TELEMETRY,
    /** The robot that the inherited routes show if there are several. */
    defaultThing: data.DEFAULT_THING ?? null,
    /** Shortest time between two receipts of one outbox, unless a receipt is urgent. */
    receiptIntervalMs: data.RECEIPT_INTERVAL,
    publishesPerSecond: data.PUBLISHES_PER_SECOND,
    retention: data.RETENTION,
    /** A robot that is silent for longer raises an alert. 0 means never. A time that is set for one robot takes precedence. */
    silentAfterMs: data.ROBOT_SILENT_AFTER,
    /** Null if this cloud stores no uploads. Without an endpoint, the SDK's own variables configure AWS. */
    uploads:
      data.S3_BUCKET === undefined
        ? null
        : { bucket: data.S3_BUCKET, endpoint: data.AWS_ENDPOINT_URL_S3 ?? data.AWS_ENDPOINT_URL ?? null, dailyBytes: data.UPLOADS_PER_DAY },
    http: {
      secretKey: data.SECRET_KEY,
      corsOrigins: data.CORS_ORIGINS ?? [],
      /** The address for robots and browsers. Null means the address that the server listens on. */
      publicOrigin: data.PUBLIC_ORIGIN ?? null,
      /** The CA of the robots' certificates. If it is null, only certificates that were added are accepted. */
      deviceCa: data.DEVICE_CA ?? null,
      /** The proxies, which may name the address of a caller. */
      trustProxy: data.TRUST_PROXY ?? [],
      /** Whether a request over loopback may come from anybody. The cloud has no TLS of its own, so https means a proxy. */
      isProxied: data.TRUST_PROXY !== undefined || data.PUBLIC_ORIGIN?.startsWith('https:') === true,
      /** Addresses and networks, besides this machine, that may read /healthz and /metrics. */
      monitorAllow: data.MONITOR_ALLOW ?? [],
      /** Admits a request to /healthz and /metrics from any address. */
      monitorToken,
    },
    logLevel: data.LOG_LEVEL,
  };
}

/** The commands of this machine, which know the settings, derive the same token if none is set. */
export function monitorTokenOf({ MONITOR_TOKEN: token, SECRET_KEY: secretKey = '' }: Environment): string {
  return token || createHmac('sha256', secretKey).update('monitor').digest('base64url');
}

/** Reads the settings of commands that use only the database. @throws SettingsError */
export function databaseSettingsFrom(environment: Environment): DatabaseSettings {
  const { data, error } = databaseSchema.safeParse(notEmpty(environment), { reportInput: true });
  if (error) throw new SettingsError(linesOf(error, environment));
  return { databaseUrl: data.DATABASE_URL ?? null, dataDir: data.CLOUD_DATA_DIR };
}

/** @param error from a parse with `reportInput`. For a list, the line then shows only the invalid element. */
function linesOf(error: z.ZodError, environment: Environment): string[] {
  return error.issues.map(({ path: [first = ''], input, message }) => {
    const name = String(first);
    const text = environment[name];
    if (text === undefined || text === '') return `${name} is not set: ${message}`;
    const shown = typeof input === 'string' && input !== '' ? input : text;
    return `${name}=${SECRETS.has(name) ? '...' : shown}: ${message}`;
  });
}

/**
 * @param lines receives a line for each missing or unusable file.
 * @returns null if the broker is used without TLS or there is a fault.
 */
function credentialsFrom(environment: Environment, lines: string[]): Credentials | null {
  const endpoint = endpointOf(environment.AWS_IOT_ENDPOINT ?? '');
  if (typeof endpoint === 'string' || !endpoint.tls) return null;
  const missing = CREDENTIALS.filter((name) => !environment[name]);
  lines.push(...missing.map((name) => `${name} is not set: the path of a PEM file, for the cloud's own certificate`));
  if (missing.length > 0) return null;
  try {
    return readCredentials(environment);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    lines.push(...error.lines);
    return null;
  }
}

/** Reads the cloud's certificate and checks that its files belong together. @throws SettingsError with a line for each unusable file. */
export function readCredentials(environment: Environment): Credentials {
  const { AWS_CERT_FILE: certFile = '', AWS_PRIVATE_KEY: keyFile = '' } = environment;
  const lines: string[] = [];
  const [ca, cert, key] = CREDENTIALS.map((name) => {
    const path = environment[name] ?? '';
    try {
      return readFileSync(path);
    } catch (error) {
      lines.push(`${name} ${path}: ${readFailure(error)}; put the file there, or set ${name} to its path`);
      return null;
    }
  });
  if (!ca || !cert || !key) throw new SettingsError(lines);
  if (statSync(keyFile).mode & 0o077) {
    throw new SettingsError([`AWS_PRIVATE_KEY ${keyFile}: other users can read it; chmod 600 ${keyFile}`]);
  }
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw new SettingsError([
      `AWS_CERT_FILE ${certFile} with AWS_PRIVATE_KEY ${keyFile}: ${messageOf(error)}; both must be PEM files, and the key must belong to the certificate and have no passphrase`,
    ]);
  }
  return { ca, cert, key };
}
