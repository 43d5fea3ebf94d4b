// Schema of one channel: its source, the limits of its value, when a value becomes a reading, when it is an alert, and how long
// silence is normal.
import * as z from 'zod';
import { type Comparison, parseComparison } from './condition.ts';
import { channelQos, fieldPath, rosType, topicName } from './ros.ts';
import { duration, durationBetween } from './units.ts';

/** Suffix of the alert channel that reports a sensor's silence: `gas_silent`. */
export const SILENT_SUFFIX = '_silent';
const MAX_NAME_CHARACTERS = 40;

/** Limits that follow from the unit alone. The channel's own `min` and `max` take precedence. */
const UNIT_LIMITS: Readonly<Record<string, { readonly min?: number; readonly max?: number }>> = {
  percent: { min: 0, max: 100 },
  '%': { min: 0, max: 100 },
  degC: { min: -273.15 },
  degF: { min: -459.67 },
  K: { min: 0 },
  ppm: { min: 0, max: 1_000_000 },
};

const deadband = z
  .union([z.number().min(0), z.string()], 'expected a number such as 0.5, or percent of the last reading such as 5%')
  .transform((given, context) => {
    if (typeof given === 'number') return { by: given, percent: false };
    const by = /^(\d+(?:\.\d+)?)\s*%$/.exec(given.trim())?.[1];
    if (by !== undefined) return { by: Number(by), percent: true };
    context.addIssue({
      code: 'custom',
      message: 'expected a number such as 0.5, or percent of the last reading such as 5%',
      input: given,
    });
    return z.NEVER;
  });

export const report = z.strictObject({
  /** `message`: every message is a reading; `change`: only one that differs from the last. */
  on: z.enum(['change', 'message']).default('change'),
  /** At most one reading in this time; the last value is sent at its end. A change into or out of alert is never delayed. */
  at_most_every: durationBetween('1ms', '1d').optional(),
  /** A reading at least this often while messages arrive, changed or not. */
  at_least_every: durationBetween('1ms', '1d').optional(),
  /** Numbers: a smaller change does not count as a change. */
  deadband: deadband.prefault(0),
});
export type Deadband = z.infer<typeof deadband>;

export interface Condition {
  readonly comparison: Comparison;
  readonly value: boolean | number | string;
}
export interface AlertWhen {
  readonly raise: Condition;
  /** Absent: the alert ends when `raise` no longer holds. */
  readonly clear?: Condition | undefined;
}

const EXPECTED_CONDITION = 'expected true, false, or a comparison with a value in quotes, such as "> 60" or "!= None"';

const comparison = z.union([z.boolean(), z.string()], EXPECTED_CONDITION).transform((given, context): Condition => {
  if (typeof given === 'boolean') return { comparison: '==', value: given };
  const parsed = parseComparison(given);
  if (parsed) return parsed;
  context.addIssue({ code: 'custom', message: EXPECTED_CONDITION, input: given });
  return z.NEVER;
});

const alertWhen = z.union(
  [
    comparison.transform((raise): AlertWhen => ({ raise })),
    z.strictObject({ raise: comparison, clear: comparison }).refine(hasGap, {
      path: ['clear'],
      message: 'expected a condition that cannot hold together with raise, such as raise: "> 60" with clear: "< 55"',
    }),
  ],
  'expected true, false, a comparison in quotes such as "> 60", or raise and clear',
);

/** If one value could raise and clear at once, the alert would flap for ever. */
function hasGap({ raise, clear }: { raise: Condition; clear: Condition }): boolean {
  if (typeof raise.value !== typeof clear.value) return false;
  if (typeof raise.value !== 'number' || typeof clear.value !== 'number') return true;
  if (raise.comparison.startsWith('>'))
    return clear.comparison.startsWith('<') && clear.value <= raise.value && !(touches(raise, clear) && bothInclusive(raise, clear));
  if (raise.comparison.startsWith('<'))
    return clear.comparison.startsWith('>') && clear.value >= raise.value && !(touches(raise, clear) && bothInclusive(raise, clear));
  return true;
}
const touches = (raise: Condition, clear: Condition) => raise.value === clear.value;
const bothInclusive = (raise: Condition, clear: Condition) => raise.comparison.endsWith('=') && clear.comparison.endsWith('=');

const diagnostics = z
  .strictObject({
    /** Name of the status. With a `*` at its end, the worst of all statuses with this prefix counts. */
    name: z.string().min(1).max(200),
    /** `level` (0 OK, 1 WARN, 2 ERROR, 3 STALE) or `message`. */
    take: z.enum(['level', 'message']).optional(),
    /** Instead of `take`: the value of this key, as a number if it is one. */
    key: z.string().min(1).max(200).optional(),
  })
  .refine(({ take, key }) => take === undefined || key === undefined, { path: ['key'], message: 'expected either key or take' });

const DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray';

const fields = z.strictObject({
  topic: topicName,
  /** `auto`: the type of the publishers. */
  type: z
    .union([z.literal('auto').transform(() => undefined), rosType], 'expected a ROS message type such as std_msgs/msg/Bool, or auto')
    .optional(),
  /** Path of the value in the message, such as `data`, `status[0].level` or `ranges[*] | min`. */
  field: fieldPath.default('data'),
  /** Instead of `field`, for a topic of diagnostic_msgs/msg/DiagnosticArray. */
  diagnostics: diagnostics.optional(),
  class: z.enum(['alert', 'telemetry']).default('telemetry'),
  /** Factor from the field's number to the reading. */
  scale: z.number().default(1),
  unit: z.string().max(20).optional(),
  /** Numbers outside are marked `bad: range` and sent as null. Absent: the limits of the unit. */
  min: z.number().optional(),
  max: z.number().optional(),
  qos: channelQos.prefault('auto'),
  /** Most messages per second that are processed (src/agent/sensing/subscription.ts). Null: all. Every message of an alert channel is processed. */
  max_rate: z.int().min(1).max(100_000).nullable().optional(),
  report: report.prefault({}),
  /** Values that are an alert, for channels of class alert. */
  alert_when: alertWhen.optional(),
  /** A true value, or the alert condition, must hold this long before it counts. */
  debounce: duration.default(0),
  /** A false value, or the end of the alert condition, must hold this long before it counts. */
  hold: duration.default(0),
  /** Silence of this length is an alert of its own. */
  max_silence: durationBetween('100ms', '30d').optional(),
});

export const channel = fields
  .superRefine((given, context) => {
    for (const [key, message] of wrongWith(given)) context.addIssue({ code: 'custom', path: [key], message });
  })
  .transform(({ type, unit, min, max, alert_when, ...rest }) => {
    const limits = unit === undefined ? undefined : UNIT_LIMITS[unit];
    return {
      ...rest,
      type: type ?? (rest.diagnostics ? DIAGNOSTICS_TYPE : undefined),
      unit,
      min: min ?? limits?.min,
      max: max ?? limits?.max,
      alert_when: alert_when ?? (rest.class === 'alert' ? { raise: { comparison: '==', value: true } as const } : undefined),
    };
  });
export type ChannelConfig = z.infer<typeof channel>;

function wrongWith(given: z.infer<typeof fields>): [key: string, text: string][] {
  const { class: channelClass, alert_when: when, type, diagnostics: taken, min, max } = given;
  const faults: [string, string][] = [];
  if (when !== undefined && channelClass !== 'alert') faults.push(['alert_when', 'expected only with class: alert']);
  if (taken && type !== undefined && type !== DIAGNOSTICS_TYPE) faults.push(['type', `expected ${DIAGNOSTICS_TYPE} with diagnostics`]);
  if (taken && given.field !== 'data') faults.push(['field', 'expected either field or diagnostics']);
  if (taken && channelClass === 'alert' && when === undefined)
    faults.push(['alert_when', 'expected with diagnostics, such as ">= 2" for ERROR']);
  if (min !== undefined && max !== undefined && min > max) faults.push(['min', `expected at most max (${max})`]);
  return faults;
}

/** Channel names that collide: with `max_silence` a channel `gas` also takes the name `gas_silent`. */
export function nameFaults(
  channels: Readonly<Record<string, { readonly max_silence?: number | undefined }>>,
): [name: string, text: string][] {
  return Object.entries(channels).flatMap(([name, { max_silence }]): [string, string][] => {
    if (max_silence === undefined) return [];
    const silent = name + SILENT_SUFFIX;
    if (silent in channels) return [[silent, `expected another name: ${name} reports its silence under this name`]];
    if (silent.length > MAX_NAME_CHARACTERS) {
      return [[name, `expected at most ${MAX_NAME_CHARACTERS - SILENT_SUFFIX.length} characters with max_silence`]];
    }
    return [];
  });
}
