// Schema of the configuration. Defaults of single keys are in config/default.yaml, the lowest layer of every configuration. Defaults
// inside channels, commands and cameras are here, beside their limits.
import * as z from 'zod';
import { channelName, commandName, TOPIC_PREFIX_PATTERN, thingName } from '../wire/index.ts';
import { camera, cameraFaults } from './camera.ts';
import { channel, nameFaults } from './channel.ts';
import { commandConfig, crossFaults } from './commands.ts';
import { cron } from './cron.ts';
import { namespace, nodeName, remap } from './ros.ts';
import { durationBetween, size } from './units.ts';

/** Least share of outbox.max_size for rows, in bytes. */
const LEAST_ROWS_BYTES = 8 * 1024 ** 2;

const fields = z.strictObject({
  thing: thingName,
  topic_prefix: z.string().regex(TOPIC_PREFIX_PATTERN, 'expected an MQTT topic prefix without wildcards, at most 6 levels'),
  state_dir: z.string().min(1),
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error']),
  mqtt: z.strictObject({
    endpoint: z
      .string()
      .regex(
        /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/,
        'expected HOST or HOST:PORT, such as example-ats.iot.eu-central-1.amazonaws.com',
      ),
    /** Null: the root that came with the certificate, else Amazon Root CA 1. */
    root_ca: z.string().min(1).nullable(),
    /** Both null: the certificate that `elderly-bot certs` keeps in the state directory. */
    cert_file: z.string().min(1).nullable(),
    private_key: z.string().min(1).nullable(),
    /** Telemetry is published once per interval; alerts at once. */
    interval: durationBetween('100ms', '1h'),
    keepalive: durationBetween('5s', '20m'),
    connect_timeout: durationBetween('1s', '5m'),
    ack_timeout: durationBetween('1s', '5m'),
    window: z.int().min(1).max(100),
    /** Publishes per second; null: no limit. */
    messages_per_second: z.number().min(1).max(100).nullable(),
    /** Null: no limit. */
    bytes_per_second: size.nullable(),
    /** Metered messages per month; null: no budget. */
    budget: z.int().min(1_000).nullable(),
    reconnect_min: durationBetween('100ms', '1m'),
    reconnect_max: durationBetween('1s', '1h'),
  }),
  provisioning: z.strictObject({
    /** Template name by AWS' rules; null: no provisioning. */
    template: z
      .string()
      .regex(/^[0-9A-Za-z_-]{1,36}$/, 'expected the name of a provisioning template: 1 to 36 of A-Z a-z 0-9 _ -')
      .nullable(),
    claim_cert: z.string().min(1).nullable(),
    claim_key: z.string().min(1).nullable(),
    /** Parameters besides ThingName; null removes one. */
    parameters: z.record(z.string().min(1), z.string().nullable()),
    key: z.enum(['ec', 'rsa']),
    rotate_before: durationBetween('1d', '3650d').nullable(),
  }),
  ros: z.strictObject({
    node_name: nodeName,
    namespace,
    /** Null: ROS_DOMAIN_ID, else 0. */
    domain_id: z.int().min(0).max(232).nullable(),
    remap,
    /** Whether the agent repairs the shared memory of Fast DDS after a kill: docs/adr/0002-shared-memory-repair.md. */
    repair_shared_memory: z.boolean(),
  }),
  outbox: z.strictObject({
    /** Telemetry is committed in groups of this length; a power cut may lose one group. Alerts, results and events never wait. */
    group: durationBetween('10ms', '10s'),
    max_size: size.refine((bytes) => bytes >= LEAST_ROWS_BYTES, 'expected at least 8MiB'),
    max_age: durationBetween('1h', '3650d'),
  }),
  uploads: z.strictObject({
    /** Origin of the cloud API; null: no uploads. */
    api: z
      .string()
      .regex(/^https?:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, 'expected an origin, such as https://cloud.example.org')
      .nullable(),
    /** Kilobits per second; null: no limit. */
    max_kbps: z.number().min(8).nullable(),
    pacing: z.enum(['fixed', 'adaptive']),
    max_size: size.refine((bytes) => bytes >= 1024 ** 2, 'expected at least 1MiB'),
    max_age: durationBetween('1h', '3650d'),
    retry_min: durationBetween('100ms', '1m'),
    retry_max: durationBetween('1s', '1h'),
  }),
  logs: z.strictObject({
    max_size: size.refine((bytes) => bytes >= 1024 ** 2, 'expected at least 1MiB'),
    max_age: durationBetween('1h', '3650d'),
    /** When logs are shipped; null: only by command or alert. */
    ship: cron.nullable(),
    ship_on_alert: z.boolean(),
  }),
  backups: z.strictObject({
    /** Null: no scheduled backups. */
    schedule: cron.nullable(),
    keep: z.int().min(1).max(20),
  }),
  health: z.strictObject({
    /** Address of /healthz and /metrics; null: off. */
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'expected HOST:PORT, such as 127.0.0.1:9469')
      .nullable(),
    /** Percent; null: no last_words event before the battery is empty. */
    low_battery: z.number().min(1).max(90).nullable(),
    /** Bytes that the disk of state_dir takes in its life; null: unknown. */
    disk_endurance: size.nullable(),
  }),
  channels: z.record(channelName, channel),
  cameras: z.record(channelName, camera),
  commands: z.record(commandName, commandConfig),
});

export const config = fields.superRefine(({ outbox, commands, channels, cameras, uploads, mqtt }, context) => {
  if (uploads.api !== null && outbox.max_size < uploads.max_size + LEAST_ROWS_BYTES) {
    const message = 'expected at least uploads.max_size plus 8MiB for rows';
    context.addIssue({ code: 'custom', path: ['outbox', 'max_size'], message });
  }
  for (const [key, other] of [
    ['cert_file', 'private_key'],
    ['private_key', 'cert_file'],
  ] as const) {
    if (mqtt[key] === null || mqtt[other] !== null) continue;
    const message = `expected mqtt.${other} too; or leave out both and use the certificate that elderly-bot certs keeps`;
    context.addIssue({ code: 'custom', path: ['mqtt', key], message });
  }
  for (const [path, message] of [...crossFaults(commands, Object.keys(channels)), ...cameraFaults({ cameras, channels, uploads })])
    context.addIssue({ code: 'custom', path: [...path], message });
  for (const [name, message] of nameFaults(channels)) context.addIssue({ code: 'custom', path: ['channels', name], message });
});
export type Config = z.infer<typeof config>;
