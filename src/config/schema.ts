// The schema of the configuration. Most defaults are not here but in config/default.yaml, the lowest layer of every configuration. Only
// defaults inside channels, commands and cameras are part of their schemas.
import * as z from 'zod';
import { isEncryptedOrLocal } from '../base/index.ts';
import { channelName, commandName, TOPIC_PREFIX_PATTERN, thingName } from '../wire/index.ts';
import { camera, cameraFaults } from './camera.ts';
import { channel, nameFaults } from './channel.ts';
import { commandConfig, crossFaults } from './commands.ts';
import { rosNames } from './names.ts';
import { recipients } from './recipients.ts';
import { reflex, reflexFaults } from './reflex.ts';
import { namespace, nodeName, remap } from './ros.ts';
import { addFaults, cron, durationBetween, type Fault, hasEachOnce, interfaceName, isEndpoint, size } from './values.ts';

/** Uploads must leave at least this many bytes of outbox.max_size for rows. */
const LEAST_ROWS_BYTES = 8 * 1024 ** 2;

const fields = z.strictObject({
  thing: thingName,
  topic_prefix: z.string().regex(TOPIC_PREFIX_PATTERN, 'expected an MQTT topic prefix without wildcards, at most 6 levels'),
  state_dir: z.string().min(1),
  log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error']),
  mqtt: z.strictObject({
    endpoint: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, {
        error: 'expected HOST or HOST:PORT, such as example-ats.iot.eu-central-1.amazonaws.com',
        abort: true,
      })
      .refine(isEndpoint, 'expected a port of at most 65535, and an IPv6 address only in brackets'),
    /** If null, the root CA stored with the certificate is used, or else Amazon Root CA 1. */
    root_ca: z.string().min(1).nullable(),
    /** If this and private_key are null, the agent uses the certificate that `elderly-bot certs` stores in the state directory. */
    cert_file: z.string().min(1).nullable(),
    private_key: z.string().min(1).nullable(),
    /** Telemetry is published once per interval; alerts are published at once. */
    interval: durationBetween('100ms', '1h'),
    keepalive: durationBetween('5s', '20m'),
    connect_timeout: durationBetween('1s', '5m'),
    ack_timeout: durationBetween('1s', '5m'),
    /** If an alert has no acknowledgement after this time, another path to the broker is tried. */
    alert_timeout: durationBetween('1s', '1m'),
    /** The network interfaces to use, the preferred one first. If empty, the kernel's routing table chooses. */
    uplinks: z
      .array(z.union([interfaceName, z.strictObject({ interface: interfaceName, metered: z.boolean() })]))
      .max(8)
      .refine(hasEachOnce, 'expected each network interface once'),
    window: z.int().min(1).max(100),
    /** Maximum number of publications per second. Null means no limit. */
    messages_per_second: z.number().min(1).max(100).nullable(),
    /** Null means no limit. */
    bytes_per_second: size.nullable(),
    /** Metered messages per month. Null means no budget. */
    budget: z.int().min(1_000).nullable(),
    reconnect_min: durationBetween('100ms', '1m'),
    /** The longest first wait after the broker ended a connection that was stable. */
    reconnect_spread: durationBetween('1s', '1h'),
    reconnect_max: durationBetween('1s', '1h'),
  }),
  provisioning: z.strictObject({
    /** Name of the AWS fleet provisioning template. Null means that provisioning is off. */
    template: z
      .string()
      .regex(/^[0-9A-Za-z_-]{1,36}$/, 'expected the name of a provisioning template: 1 to 36 of A-Z a-z 0-9 _ -')
      .nullable(),
    claim_cert: z.string().min(1).nullable(),
    claim_key: z.string().min(1).nullable(),
    /** Parameters for the template, besides ThingName. Null removes a parameter. */
    parameters: z.record(z.string().min(1), z.string().nullable()),
    key: z.enum(['ec', 'rsa']),
    rotate_before: durationBetween('1d', '3650d').nullable(),
  }),
  ros: z.strictObject({
    node_name: nodeName,
    namespace,
    /** If null, ROS_DOMAIN_ID is used, or else 0. */
    domain_id: z.int().min(0).max(232).nullable(),
    remap,
    /** Whether to repair the Fast DDS shared memory that a killed run leaves behind (docs/adr/0002-shared-memory-repair.md). */
    repair_shared_memory: z.boolean(),
    /** Whether nodes of other computers are meant to join the ROS graph. Only the doctor reads it. */
    open_to_network: z.boolean(),
  }),
  outbox: z.strictObject({
    /** How often telemetry is committed. A power cut may lose this much of it. Alerts, results and events never wait. */
    group: durationBetween('10ms', '10s'),
    max_size: size.refine((bytes) => bytes >= LEAST_ROWS_BYTES, 'expected at least 8MiB'),
    max_age: durationBetween('1h', '3650d'),
  }),
  uploads: z.strictObject({
    /** Origin of the cloud API. Null means that uploads are off. */
    api: z
      .string()
      .regex(/^https?:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, 'expected an origin, such as https://cloud.example.org')
      .refine(isEncryptedOrLocal, 'expected https: without encryption only a cloud on this machine, such as http://localhost:8080')
      .nullable(),
    /** Maximum upload rate in kilobits per second. Null means no limit. */
    max_kbps: z.number().min(8).nullable(),
    pacing: z.enum(['fixed', 'adaptive']),
    /** Public keys in age's format, for which backups and the records of incidents are sealed. If empty, they are not sealed. */
    recipients,
    max_size: size.refine((bytes) => bytes >= 1024 ** 2, 'expected at least 1MiB'),
    max_age: durationBetween('1h', '3650d'),
    retry_min: durationBetween('100ms', '1m'),
    retry_max: durationBetween('1s', '1h'),
  }),
  logs: z.strictObject({
    max_size: size.refine((bytes) => bytes >= 1024 ** 2, 'expected at least 1MiB'),
    max_age: durationBetween('1h', '3650d'),
    /** Schedule for uploading logs. If null, they are only uploaded after a command or an alert. */
    ship: cron.nullable(),
    ship_on_alert: z.boolean(),
  }),
  backups: z.strictObject({
    /** Null means that there are no scheduled backups. */
    schedule: cron.nullable(),
    keep: z.int().min(1).max(20),
  }),
  health: z.strictObject({
    /** Address on which to serve /healthz and /metrics. Null means off. */
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'expected HOST:PORT, such as 127.0.0.1:9469')
      .nullable(),
    /** Battery charge in percent at which the agent sends a last_words event. If null, it sends none. */
    low_battery: z.number().min(1).max(90).nullable(),
    /** How many bytes can be written to the disk of state_dir in its lifetime. Null means unknown. */
    disk_endurance: size.nullable(),
  }),
  channels: z.record(channelName, channel),
  cameras: z.record(channelName, camera),
  commands: z.record(commandName, commandConfig),
  /** Null means that there is no reflex. */
  reflex: reflex.nullable(),
});

export const configSchema = fields.superRefine(({ outbox, commands, channels, cameras, uploads, mqtt, reflex: local, ros }, context) => {
  const faults: Fault[] = [];
  if (uploads.api !== null && outbox.max_size < uploads.max_size + LEAST_ROWS_BYTES)
    faults.push([['outbox', 'max_size'], 'expected at least uploads.max_size plus 8MiB for rows']);
  for (const [key, other] of [
    ['cert_file', 'private_key'],
    ['private_key', 'cert_file'],
  ] as const) {
    if (mqtt[key] === null || mqtt[other] !== null) continue;
    faults.push([['mqtt', key], `expected mqtt.${other} too; or leave out both and use the certificate that elderly-bot certs keeps`]);
  }
  faults.push(...crossFaults(commands, Object.keys(channels)), ...cameraFaults({ cameras, channels, uploads }), ...nameFaults(channels));
  if (local) faults.push(...reflexFaults(local, { channels, cameras, commands }, rosNames(ros).topic));
  addFaults(context, faults);
});
export type Config = z.infer<typeof configSchema>;

type Json = { [key: string]: unknown };

/**
 * Generates the JSON Schema (draft 2020-12) of configuration files, which editors use to complete and check keys. A file contains only what
 * differs from the default file, so no key may be required, and null must be allowed, because it removes an entry.
 */
export function configJsonSchema(): Json {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Json;
  const { channels, cameras, commands } = schema.properties as Record<string, Json>;
  for (const map of [channels, cameras, commands])
    if (map) map.additionalProperties = { anyOf: [map.additionalProperties, { type: 'null' }] };
  return { ...(withoutRequired(schema) as Json), title: 'elderly-bot configuration' };
}

function withoutRequired(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutRequired);
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, value]) => (key === 'required' && Array.isArray(value) ? [] : [[key, withoutRequired(value)]])),
  );
}
