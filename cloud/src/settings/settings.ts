// The cloud's settings, from the environment. All problems are reported at once, a line each, before anything is opened.
import type { X509Certificate } from 'node:crypto';
import type { DatabaseSettings } from '../database/index.ts';
import { SettingsError } from '../errors/index.ts';
import { type Credentials, readCredentials } from './credentials.ts';
import { type Endpoint, endpointOf } from './endpoint.ts';
import { type Environment, notEmpty } from './environment.ts';
import type { Retention } from './retention.ts';
import { databaseSchema, linesOf, schema } from './schema.ts';

const CREDENTIALS = ['AWS_ROOT_CA', 'AWS_CERT_FILE', 'AWS_PRIVATE_KEY'] as const;

export interface Settings extends DatabaseSettings {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | null;
  /** Topic prefixes of the robots; one level of each may be `+`. */
  readonly patterns: readonly string[];
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly publicTelemetry: boolean;
  /** The robot whose state the inherited routes show if there are several. */
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

export interface HttpSettings {
  readonly secretKey: string;
  /** Origins of web pages that may call; none by default. */
  readonly corsOrigins: readonly string[];
  /** As robots and browsers reach the cloud, such as `https://cloud.example.org`; null: the address that the server listens on. */
  readonly publicOrigin: string | null;
  /** The CA whose certificates make a device; null: only certificates that were added. */
  readonly deviceCa: X509Certificate | null;
  /** Addresses and networks, besides the machine itself, that may read /healthz and /metrics. */
  readonly monitorAllow: readonly string[];
}

/** @throws SettingsError with a line for each value that can't be used. */
export function settingsFrom(environment: Environment): Settings {
  const { data, error } = schema.safeParse(notEmpty(environment), { reportInput: true });
  const lines = error ? linesOf(error, environment) : [];
  const credentials = credentialsFrom(environment, lines);
  if (!data || lines.length > 0) throw new SettingsError(lines);
  return {
    endpoint: data.AWS_IOT_ENDPOINT,
    credentials,
    patterns: data.TOPIC_PATTERN,
    databaseUrl: data.DATABASE_URL ?? null,
    dataDir: data.CLOUD_DATA_DIR,
    host: data.HOST,
    port: data.PORT,
    publicTelemetry: data.PUBLIC_TELEMETRY,
    defaultThing: data.DEFAULT_THING ?? null,
    receiptIntervalMs: data.RECEIPT_INTERVAL,
    retention: data.RETENTION,
    silentAfterMs: data.ROBOT_SILENT_AFTER,
    uploads:
      data.S3_BUCKET === undefined
        ? null
        : { bucket: data.S3_BUCKET, endpoint: data.AWS_ENDPOINT_URL_S3 ?? data.AWS_ENDPOINT_URL ?? null, dailyBytes: data.UPLOADS_PER_DAY },
    http: {
      secretKey: data.SECRET_KEY,
      corsOrigins: data.CORS_ORIGINS ?? [],
      publicOrigin: data.PUBLIC_ORIGIN ?? null,
      deviceCa: data.DEVICE_CA ?? null,
      monitorAllow: data.MONITOR_ALLOW ?? [],
    },
    logLevel: data.LOG_LEVEL,
  };
}

/** Only the settings of a command that works with the database alone. @throws SettingsError */
export function databaseSettingsFrom(environment: Environment): DatabaseSettings {
  const { data, error } = databaseSchema.safeParse(notEmpty(environment), { reportInput: true });
  if (error) throw new SettingsError(linesOf(error, environment));
  return { databaseUrl: data.DATABASE_URL ?? null, dataDir: data.CLOUD_DATA_DIR };
}

/**
 * @param lines gets a line for each file that is not named or can't be used.
 * @returns null for a broker without TLS, and if there is a problem.
 */
function credentialsFrom(environment: Environment, lines: string[]): Credentials | null {
  const endpoint = endpointOf(environment.AWS_IOT_ENDPOINT ?? '');
  if (typeof endpoint === 'string' || !endpoint.tls) return null;
  const missing = CREDENTIALS.filter((name) => !environment[name]);
  lines.push(...missing.map((name) => `${name} is not set: the path of a PEM file, for the cloud's own certificate`));
  if (missing.length > 0) return null;
  const [rootCa = '', certFile = '', privateKey = ''] = CREDENTIALS.map((name) => environment[name]);
  try {
    return readCredentials({ rootCa, certFile, privateKey });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    lines.push(...error.lines);
    return null;
  }
}
