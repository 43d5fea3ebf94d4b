// What a configuration may say. Values of single keys have their defaults in config/default.yaml, which is read beneath
// every configuration; what an integrator adds many of (channels, commands) has them here, beside its limits.
import { z } from 'zod';
import { channelName, commandName, TOPIC_PREFIX_PATTERN, thingName } from '../wire/index.ts';
import { duration, durationBetween, size } from './units.ts';

/** REP 144 and the ROS 2 design's topic names: absolute, tokens of letters, digits and `_`, none starting with a digit. */
export const rosName = z
  .string()
  .regex(/^\/[A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*$/, 'expected an absolute ROS name such as /gas_detected')
  .refine((name) => !name.includes('__'), 'a ROS name may not hold two underscores in a row');

/** `std_msgs/Bool` and `std_msgs/msg/Bool` are the same; kept in the long form. */
export const rosType = z
  .string()
  .regex(/^[a-z][a-z0-9_]*\/(msg\/)?[A-Z][A-Za-z0-9]*$/, 'expected a ROS message type such as std_msgs/msg/Bool')
  .transform((type) => (type.includes('/msg/') ? type : type.replace('/', '/msg/')));

export const qos = z.strictObject({
  reliability: z.enum(['reliable', 'best_effort']).default('reliable'),
  durability: z.enum(['volatile', 'transient_local']).default('volatile'),
  /** Samples the DDS queue holds while the agent is busy; with 100, readings were lost in the first moments of 4 of 300 starts under load. */
  depth: z.int().min(1).max(10_000).default(1_000),
});

export const report = z.strictObject({
  /** `message`: every message is a reading; `change`: only one that differs from the last. */
  on: z.enum(['change', 'message']).default('change'),
  /** At most one reading in this time; a change into or out of alert is never held back. */
  at_most_every: duration.optional(),
  /** A reading at least this often while messages come, changed or not. */
  at_least_every: duration.optional(),
  /** Numbers: a change smaller than this is none. */
  deadband: z.number().min(0).default(0),
});

export const channel = z.strictObject({
  topic: rosName,
  type: rosType,
  /** Path of the value in the message, such as `data` or `status[0].level`. */
  field: z
    .string()
    .regex(/^[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*$/, 'expected a field path such as data or status[0].level')
    .default('data'),
  class: z.enum(['alert', 'telemetry']).default('telemetry'),
  /** The field's number times this is the reading. */
  scale: z.number().default(1),
  unit: z.string().max(20).optional(),
  /** Numbers outside are marked `bad: range` and sent as null. */
  min: z.number().optional(),
  max: z.number().optional(),
  qos: qos.prefault({}),
  report: report.prefault({}),
});
export type ChannelConfig = z.infer<typeof channel>;

export const argument = z.strictObject({
  type: z.enum(['boolean', 'number', 'integer', 'string']),
  required: z.boolean().default(true),
  default: z.union([z.boolean(), z.number(), z.string()]).optional(),
  /** Numbers: the result says so when a value was brought back into these limits. */
  min: z.number().optional(),
  max: z.number().optional(),
  enum: z.array(z.string()).min(1).optional(),
  pattern: z.string().optional(),
  max_length: z.int().min(1).max(4096).default(256),
  unit: z.string().max(20).optional(),
});
export type ArgumentConfig = z.infer<typeof argument>;

export const commandConfig = z.strictObject({
  topic: rosName,
  type: rosType,
  /** Template of the ROS message: a string `$name` is replaced by that argument; `value` is the single one. */
  message: z.record(z.string(), z.unknown()),
  args: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,39}$/), argument).default({}),
  /** The longest a command may wait between being issued and being run. */
  ttl: durationBetween('1s', '1h').prefault('60s'),
  /** Commands a minute; more are refused as `rate_limited`. */
  rate: z.int().min(1).max(600).default(30),
  /** Take commands without id, thing and expiry, as older clients send them. */
  legacy: z.boolean().default(false),
  qos: qos.prefault({}),
});
export type CommandConfig = z.infer<typeof commandConfig>;

export const config = z.strictObject({
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
    root_ca: z.string().min(1),
    cert_file: z.string().min(1),
    private_key: z.string().min(1),
    /** Telemetry goes out once in this time; alerts at once. */
    interval: durationBetween('100ms', '1h'),
    keepalive: durationBetween('5s', '20m'),
    connect_timeout: durationBetween('1s', '5m'),
    ack_timeout: durationBetween('1s', '5m'),
    window: z.int().min(1).max(100),
    /** Publishes and bytes a second; null: no limit. */
    messages_per_second: z.number().min(1).max(100).nullable(),
    bytes_per_second: size.nullable(),
    /** Metered messages a month; null: no budget. */
    budget: z.int().min(1_000).nullable(),
    reconnect_min: durationBetween('100ms', '1m'),
    reconnect_max: durationBetween('1s', '1h'),
  }),
  ros: z.strictObject({
    node_name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a ROS node name: letters, digits and _'),
    namespace: z
      .string()
      .regex(/^\/([A-Za-z_][A-Za-z0-9_]*(\/[A-Za-z_][A-Za-z0-9_]*)*)?$/, 'expected a ROS namespace such as / or /robot1'),
    /** Null: what ROS_DOMAIN_ID says, else 0. */
    domain_id: z.int().min(0).max(232).nullable(),
  }),
  outbox: z.strictObject({
    /** Telemetry is committed in groups this long: what a power cut may cost. Alerts, results and events never wait. */
    group: durationBetween('10ms', '10s'),
    max_size: size.refine((bytes) => bytes >= 8 * 1024 ** 2, 'expected at least 8MiB'),
    max_age: durationBetween('1h', '3650d'),
  }),
  channels: z.record(channelName, channel),
  commands: z.record(commandName, commandConfig),
});
export type Config = z.infer<typeof config>;
