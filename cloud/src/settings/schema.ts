// Defines all settings of the cloud as one schema. cloud/.env.example explains them.
import { z } from 'zod';
import { patternProblem } from '../messages/index.ts';
import {
  bytes,
  caFile,
  DEFAULT_RETENTION,
  elementsOf,
  endpointOf,
  list,
  msFrom,
  network,
  origin,
  parsed,
  proxy,
  retentionFrom,
  wholeNumber,
  yesOrNo,
} from './values.ts';

const MIN_SECRET_CHARACTERS = 32;
const SECRET = `at least ${MIN_SECRET_CHARACTERS} secret characters (openssl rand -base64 48)`;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const HOUR_MS = 3_600_000;
const INTERVAL = 'expected a time such as 2s or 5m, at most 1h';
const PORT = 'expected a port from 0 (any free port) to 65535';
const PER_SECOND = 'expected a whole number from 1 to 10000';
const DATABASE =
  'expected postgresql://host:5432/database with user:password@ before the host (.env.example has a line), or nothing for the database in the process';
const ENDPOINT = 'the host name of your AWS IoT Core (aws iot describe-endpoint --endpoint-type iot:Data-ATS) or of another MQTT broker';

/** In milliseconds; 0 means off. A robot sends a message once a minute, so a time in seconds is refused. */
export const silence = z
  .string()
  .transform((text) => (text === 'off' ? 0 : msFrom(text, 4, ['m', 'h'])))
  .pipe(z.number('expected a time such as 10m or 2h, or off'));

const interval = z
  .string()
  .transform((text) => msFrom(text, 6, ['ms', 's', 'm', 'h']))
  .pipe(z.number(INTERVAL).max(HOUR_MS, INTERVAL));

const topicPattern = z.string().superRefine((text, context) => {
  const problem = patternProblem(text);
  if (problem !== null) context.addIssue(`${problem}, such as elderly_bot or fleet/+`);
});

export const databaseSchema = z.object({
  DATABASE_URL: z
    .string()
    // libpq allows an empty host after a user, for a Unix socket. A URL does not.
    .transform((text) => text.replace(/^(postgres(?:ql)?:\/\/[^/@]*@)\//, '$1localhost/'))
    .pipe(z.url({ protocol: /^postgres(ql)?$/, error: DATABASE }))
    .optional(),
  CLOUD_DATA_DIR: z.string().default('./cloud-data'),
});

export const schema = databaseSchema.extend({
  AWS_IOT_ENDPOINT: parsed(endpointOf, ENDPOINT),
  TOPIC_PATTERN: z
    .string()
    .transform((text) => elementsOf(text))
    .pipe(z.array(topicPattern))
    .prefault('elderly_bot'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535, PORT).prefault('8080'),
  PUBLIC_TELEMETRY: yesOrNo().prefault('true'),
  DEFAULT_THING: z.string().optional(),
  RECEIPT_INTERVAL: interval.prefault('5m'),
  PUBLISHES_PER_SECOND: wholeNumber(1, 10_000, PER_SECOND).prefault('40'),
  RETENTION: parsed(retentionFrom).default(DEFAULT_RETENTION),
  ROBOT_SILENT_AFTER: silence.prefault('15m'),
  S3_BUCKET: z.string().optional(),
  AWS_ENDPOINT_URL_S3: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  UPLOADS_PER_DAY: bytes().prefault('1GiB'),
  SECRET_KEY: z.string(SECRET).min(MIN_SECRET_CHARACTERS, { error: ({ input }) => `expected ${SECRET}, not ${String(input).length}` }),
  CORS_ORIGINS: list(origin()).optional(),
  PUBLIC_ORIGIN: origin().optional(),
  TRUST_PROXY: list(proxy()).optional(),
  MONITOR_ALLOW: list(network()).optional(),
  MONITOR_TOKEN: z
    .string()
    .regex(new RegExp(`^[!-~]{${MIN_SECRET_CHARACTERS},}$`), `expected ${SECRET} without spaces`)
    .optional(),
  DEVICE_CA: caFile().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `expected one of ${LOG_LEVELS.join(', ')}`).default('info'),
});
