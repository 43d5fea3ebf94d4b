// What a configuration may say of one channel: where its value is, what can be true of it, when it becomes a reading, what of it is
// an alert, and how long silence is taken for nothing to say.
import * as z from 'zod';
import { type Comparison, parseComparison } from './condition.ts';
import { channelQos, fieldPath, rosType, topicName } from './ros.ts';
import { duration, durationBetween } from './units.ts';

/** What stands behind a channel's name where its sensor's silence is told: `gas_silent`. */
export const SILENT_SUFFIX = '_silent';
const MAX_NAME_CHARACTERS = 40;

/** Limits that follow from the unit alone; `min` and `max` of the channel go before them. */
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
  /** At most one reading in this time, the last one included; a change into or out of alert is never held back. */
  at_most_every: durationBetween('1ms', '1d').optional(),
  /** A reading at least this often while messages come, changed or not. */
  at_least_every: durationBetween('1ms', '1d').optional(),
  /** Numbers: a change smaller than this is none. */
  deadband: deadband.prefault(0),
});
export type Deadband = z.infer<typeof deadband>;

export interface Condition {
  readonly is: Comparison;
  readonly value: boolean | number | string;
}
export interface AlertWhen {
  readonly raise: Condition;
  /** Left out: it is over when `raise` no longer holds. */
  readonly clear?: Condition | undefined;
}

const EXPECTED_CONDITION = 'expected true, false, or a comparison with a value in quotes, such as "> 60" or "!= None"';

const comparison = z.union([z.boolean(), z.string()], EXPECTED_CONDITION).transform((given, context): Condition => {
  if (typeof given === 'boolean') return { is: '==', value: given };
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
      message: 'expected to hold only where raise does not, such as raise: "> 60" with clear: "< 55"',
    }),
  ],
  'expected true, false, a comparison in quotes such as "> 60", or raise and clear',
);

/** A pair of numbers in which a value could raise and clear at once would never come to rest. */
function hasGap({ raise, clear }: { raise: Condition; clear: Condition }): boolean {
  if (typeof raise.value !== typeof clear.value) return false;
  if (typeof raise.value !== 'number' || typeof clear.value !== 'number') return true;
  if (raise.is.startsWith('>'))
    return clear.is.startsWith('<') && clear.value <= raise.value && !(touches(raise, clear) && both(raise, clear));
  if (raise.is.startsWith('<'))
    return clear.is.startsWith('>') && clear.value >= raise.value && !(touches(raise, clear) && both(raise, clear));
  return true;
}
const touches = (raise: Condition, clear: Condition) => raise.value === clear.value;
const both = (raise: Condition, clear: Condition) => raise.is.endsWith('=') && clear.is.endsWith('=');

const diagnostics = z
  .strictObject({
    /** The status' name; one that ends in `*` takes the worst of all that begin so. */
    name: z.string().min(1).max(200),
    /** `level` (0 OK, 1 WARN, 2 ERROR, 3 STALE) or `message`. */
    take: z.enum(['level', 'message']).optional(),
    /** In place of `take`: the value of this key, as a number where it is one. */
    key: z.string().min(1).max(200).optional(),
  })
  .refine(({ take, key }) => take === undefined || key === undefined, { path: ['key'], message: 'expected either key or take' });

const DIAGNOSTICS_TYPE = 'diagnostic_msgs/msg/DiagnosticArray';

const fields = z.strictObject({
  topic: topicName,
  /** `auto`: what its publishers have. */
  type: z
    .union([z.literal('auto').transform(() => undefined), rosType], 'expected a ROS message type such as std_msgs/msg/Bool, or auto')
    .optional(),
  /** Path of the value in the message, such as `data`, `status[0].level` or `ranges[*] | min`. */
  field: fieldPath.default('data'),
  /** In place of `field`, for a topic of diagnostic_msgs/msg/DiagnosticArray. */
  diagnostics: diagnostics.optional(),
  class: z.enum(['alert', 'telemetry']).default('telemetry'),
  /** The field's number times this is the reading. */
  scale: z.number().default(1),
  unit: z.string().max(20).optional(),
  /** Numbers outside are marked `bad: range` and sent as null. Left out: what the unit allows. */
  min: z.number().optional(),
  max: z.number().optional(),
  qos: channelQos.prefault('auto'),
  /** Most messages a second that are looked at (src/agent/sensing/pace.ts). Null: all. An alert's are all looked at. */
  max_rate: z.int().min(1).max(100_000).nullable().optional(),
  report: report.prefault({}),
  /** What is an alert, for channels of class alert. */
  alert_when: alertWhen.optional(),
  /** True, or the alert, counts when it has been so for this long. */
  debounce: duration.default(0),
  /** False, or no alert, counts when it has been so for this long. */
  hold: duration.default(0),
  /** No message for so long is an alert of its own. */
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
      alert_when: alert_when ?? (rest.class === 'alert' ? { raise: { is: '==', value: true } as const } : undefined),
    };
  });
export type ChannelConfig = z.infer<typeof channel>;

function wrongWith(given: z.infer<typeof fields>): [key: string, text: string][] {
  const { class: of, alert_when: when, type, diagnostics: taken, min, max } = given;
  const faults: [string, string][] = [];
  if (when !== undefined && of !== 'alert') faults.push(['alert_when', 'expected only with class: alert']);
  if (taken && type !== undefined && type !== DIAGNOSTICS_TYPE) faults.push(['type', `expected ${DIAGNOSTICS_TYPE} with diagnostics`]);
  if (taken && given.field !== 'data') faults.push(['field', 'expected either field or diagnostics']);
  if (taken && of === 'alert' && when === undefined) faults.push(['alert_when', 'expected with diagnostics, such as ">= 2" for ERROR']);
  if (min !== undefined && max !== undefined && min > max) faults.push(['min', `it is above max (${max})`]);
  return faults;
}

/** Channels whose names can't both be: with `max_silence` a channel `gas` also has the name `gas_silent`. */
export function wrongNames(
  channels: Readonly<Record<string, { readonly max_silence?: number | undefined }>>,
): [name: string, text: string][] {
  return Object.entries(channels).flatMap(([name, { max_silence }]): [string, string][] => {
    if (max_silence === undefined) return [];
    const silent = name + SILENT_SUFFIX;
    if (silent in channels) return [[silent, `the silence of ${name} is told under this name`]];
    if (silent.length > MAX_NAME_CHARACTERS) {
      return [[name, `expected at most ${MAX_NAME_CHARACTERS - SILENT_SUFFIX.length} characters with max_silence`]];
    }
    return [];
  });
}
