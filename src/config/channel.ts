// The schema of a channel: the source of its values, their limits, how often they are reported, when they raise an alert, and how long the
// sensor may be silent.
import * as z from 'zod';
import { SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import { batteryFaults, impliedByAuto } from './battery.ts';
import { type Comparison, parseComparison } from './condition.ts';
import { DIAGNOSTICS, EMPTY } from './messageTypes.ts';
import { channelQos, fieldPath, topicName, typeOrAuto } from './ros.ts';
import { UNIT_LIMITS } from './units.ts';
import { addFaults, duration, durationBetween, type Fault, parsedBy } from './values.ts';

const MAX_NAME_CHARACTERS = 40;

/** The longest name of an alert channel to which every suffix can still be appended. */
export const MAX_ALERT_NAME_CHARACTERS = MAX_NAME_CHARACTERS - UNUSABLE_SUFFIX.length;

const EXPECTED_DEADBAND = 'expected a number such as 0.5, or percent of the last reading such as 5%';

const deadband = parsedBy(z.union([z.number().min(0), z.string()], EXPECTED_DEADBAND), EXPECTED_DEADBAND, (given) => {
  if (typeof given === 'number') return { by: given, percent: false };
  const by = /^(\d+(?:\.\d+)?)\s*%$/.exec(given.trim())?.[1];
  return by === undefined ? undefined : { by: Number(by), percent: true };
});
export type Deadband = z.infer<typeof deadband>;

const report = z.strictObject({
  /** `message` reports every message; `change` reports only values that differ from the last reading. */
  on: z.enum(['change', 'message']).default('change'),
  /** Reports no more than one reading in this time, and at its end the last value withheld. Must not delay the start or end of an alert. */
  at_most_every: durationBetween('1ms', '1d').optional(),
  /** While messages arrive, reports a reading at least this often, even if the value has not changed. */
  at_least_every: durationBetween('1ms', '1d').optional(),
  /** If a number changes by less than this, it is treated as unchanged. */
  deadband: deadband.prefault(0),
  /** `value` reports the sensor's value, `alert` whether the alert stands. Only for channels of class alert. */
  as: z.enum(['value', 'alert']).default('value'),
});
export interface Condition {
  readonly comparison: Comparison;
  readonly value: boolean | number | string;
}
export interface AlertWhen {
  readonly raise: Condition;
  /** If undefined, the alert ends when `raise` no longer holds. */
  readonly clear?: Condition | undefined;
}

const EXPECTED_CONDITION = 'expected true, false, or a comparison with a value in quotes, such as "> 60" or "!= None"';

const comparison = parsedBy(z.union([z.boolean(), z.string()], EXPECTED_CONDITION), EXPECTED_CONDITION, (given): Condition | undefined =>
  typeof given === 'boolean' ? { comparison: '==', value: given } : parseComparison(given),
);

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

/** Whether no number meets both conditions. Otherwise a constant value could raise and clear the alert over and over. */
function hasGap({ raise, clear }: { raise: Condition; clear: Condition }): boolean {
  if (typeof raise.value !== typeof clear.value) return false;
  if (typeof raise.value !== 'number' || typeof clear.value !== 'number') return true;
  const isAbove = raise.comparison.startsWith('>');
  if (!isAbove && !raise.comparison.startsWith('<')) return true;
  const isOpposite = clear.comparison.startsWith(isAbove ? '<' : '>');
  const isApart = isAbove ? clear.value <= raise.value : clear.value >= raise.value;
  const haveCommonValue = raise.value === clear.value && raise.comparison.endsWith('=') && clear.comparison.endsWith('=');
  return isOpposite && isApart && !haveCommonValue;
}

const diagnostics = z
  .strictObject({
    /** Name of the status. If it ends in `*`, the worst of all statuses with this prefix is used. */
    name: z.string().min(1).max(200),
    /** The part of the status to read: `level` (0 OK, 1 WARN, 2 ERROR, 3 STALE) or `message`. */
    take: z.enum(['level', 'message']).optional(),
    /** Reads the status's value for this key instead of `take`, converted to a number if possible. */
    key: z.string().min(1).max(200).optional(),
  })
  .refine(({ take, key }) => take === undefined || key === undefined, { path: ['key'], message: 'expected either key or take' });

/** The default of `clear_after`. */
const CLEAR_AFTER_MS = 30_000;

/** The default and the upper limit of `alerts_per_minute`. */
const ALERTS_PER_MINUTE = 6;
const MOST_ALERTS_PER_MINUTE = 100_000;

const fields = z.strictObject({
  topic: topicName,
  /** If `auto`, the publishers' type is used. */
  type: typeOrAuto('expected a ROS message type such as std_msgs/msg/Bool, or auto').optional(),
  /** Path of the value in the message, such as `data`, `status[0].level` or `ranges[*] | min`. */
  field: fieldPath.default('data'),
  /** Replaces `field` if the topic carries diagnostic_msgs/msg/DiagnosticArray. */
  diagnostics: diagnostics.optional(),
  class: z.enum(['alert', 'telemetry']).default('telemetry'),
  /** Factor by which the field's number is multiplied. */
  scale: z.number().optional(),
  /** A label such as `degC`. `auto` finds the scale of sensor_msgs/BatteryState, so that the reading is the charge in percent. */
  unit: z.string().max(20).optional(),
  /** Volts of the full and of the empty battery. With `unit: auto`, the voltage counts if the battery publishes no percentage. */
  full: z.number().positive().optional(),
  empty: z.number().positive().optional(),
  /** Numbers outside are no measurements, such as the 0 of a beam without an echo. In the unit of the field, before `scale`. */
  valid: z.tuple([z.number(), z.number()]).optional(),
  /** Numbers outside `min` and `max` are sent as null and marked `bad: range`. The defaults depend on the unit. */
  min: z.number().optional(),
  max: z.number().optional(),
  qos: channelQos.prefault('auto'),
  /** How many messages per second are processed (src/agent/sensing/subscription.ts). Null means no limit. Ignored for alert channels. */
  max_rate: z.int().min(1).max(100_000).nullable().optional(),
  report: report.prefault({}),
  /** The conditions that raise and clear the alert. Only for channels of class alert. */
  alert_when: alertWhen.optional(),
  /** A value must stay true, or meet the alert condition, for this long before it takes effect. */
  debounce: duration.default(0),
  /** A value must stay false, or no longer meet the alert condition, for this long before it takes effect. */
  hold: duration.default(0),
  /** Each message that meets the alert condition is an occurrence: the first raises the alert, further ones extend it. */
  event: z.boolean().default(false),
  /** The alert of an event channel ends when this time has passed since the last occurrence. */
  clear_after: durationBetween('1s', '1d').optional(),
  /** If the channel is silent for longer, its `_silent` alert is raised. */
  max_silence: durationBetween('100ms', '30d').optional(),
  /** If an alert is raised more often, it stays raised until the channel is calm, and a summary a minute counts the changes. */
  alerts_per_minute: z.int().min(1).max(MOST_ALERTS_PER_MINUTE).optional(),
});

export const channel = fields
  .superRefine((given, context) => addFaults(context, channelFaults(given)))
  .transform(({ type, scale, unit, min, max, alert_when, clear_after, alerts_per_minute, ...rest }) => {
    const limits = unit === undefined ? undefined : UNIT_LIMITS[unit];
    return {
      ...rest,
      type: type ?? (rest.diagnostics ? DIAGNOSTICS : undefined),
      ...impliedByAuto(unit),
      scale: scale ?? 1,
      unit,
      min: min ?? limits?.min,
      max: max ?? limits?.max,
      alert_when: alert_when ?? (rest.class === 'alert' ? { raise: { comparison: '==', value: true } as const } : undefined),
      alerts_per_minute: alerts_per_minute ?? ALERTS_PER_MINUTE,
      clear_after: rest.event ? (clear_after ?? CLEAR_AFTER_MS) : undefined,
    };
  });
export type ChannelConfig = z.infer<typeof channel>;

function channelFaults(given: z.infer<typeof fields>): Fault[] {
  const { class: channelClass, alert_when: when, type, diagnostics, field, min, max, report: reported, valid } = given;
  const faults: Fault[] = [];
  if (when !== undefined && channelClass !== 'alert') faults.push([['alert_when'], 'expected only with class: alert']);
  if (reported.as === 'alert' && channelClass !== 'alert') faults.push([['report', 'as'], 'expected alert only with class: alert']);
  if (diagnostics && type !== undefined && type !== DIAGNOSTICS) faults.push([['type'], `expected ${DIAGNOSTICS} with diagnostics`]);
  if (diagnostics && field !== 'data') faults.push([['field'], 'expected either field or diagnostics']);
  if (diagnostics && channelClass === 'alert' && when === undefined)
    faults.push([['alert_when'], 'expected with diagnostics, such as ">= 2" for ERROR']);
  if (given.alerts_per_minute !== undefined && channelClass !== 'alert' && given.max_silence === undefined)
    faults.push([['alerts_per_minute'], 'expected only with class: alert or max_silence']);
  if (min !== undefined && max !== undefined && min > max) faults.push([['min'], `expected at most max (${max})`]);
  if (valid && diagnostics) faults.push([['valid'], 'expected either valid or diagnostics']);
  if (valid && /\|\s*count\s*$/.test(field)) faults.push([['valid'], 'expected another reducer: count counts every element']);
  if (valid && valid[0] > valid[1]) faults.push([['valid'], 'expected the least number first']);
  return [...faults, ...batteryFaults(given), ...(given.event ? eventFaults(given) : clearAfterFaults(given))];
}

function clearAfterFaults({ clear_after: clearAfter }: z.infer<typeof fields>): Fault[] {
  return clearAfter === undefined ? [] : [[['clear_after'], 'expected only with event: true; the end of other alerts is delayed by hold']];
}

/** An occurrence has no duration and no end, so the keys that measure them are refused instead of ignored. */
function eventFaults(given: z.infer<typeof fields>): Fault[] {
  const { class: channelClass, type, field, alert_when: when, debounce, hold, max_silence: maxSilence } = given;
  const isEmpty = type === EMPTY;
  const found: readonly (Fault | false)[] = [
    channelClass !== 'alert' && [['event'], 'expected only with class: alert'],
    when?.clear !== undefined && [['alert_when'], 'expected one condition with event: true; clear_after ends the alert, not clear'],
    debounce > 0 && [['debounce'], 'expected no debounce with event: true; an event happens once and does not last'],
    hold > 0 && [['hold'], 'expected clear_after instead of hold with event: true'],
    isEmpty && when !== undefined && [['alert_when'], `expected no condition with ${EMPTY}; each message is an occurrence`],
    isEmpty && field !== 'data' && [['field'], `expected no field with ${EMPTY}; the message is empty`],
    isEmpty &&
      maxSilence !== undefined && [['max_silence'], `expected no max_silence with ${EMPTY}; the detector is silent while nothing happens`],
  ];
  return found.filter((fault) => fault !== false);
}

/** Finds colliding names: an alert channel `gas` also uses the name `gas_unusable` and, if it has `max_silence`, `gas_silent`. */
export function nameFaults(channels: Readonly<Record<string, ChannelConfig>>): Fault[] {
  return Object.entries(channels).flatMap(([name, { max_silence, class: rowClass }]) => [
    ...(max_silence === undefined ? [] : reserved(channels, name, SILENT_SUFFIX, 'its silence', 'max_silence')),
    ...(rowClass === 'alert' ? reserved(channels, name, UNUSABLE_SUFFIX, 'unusable messages', 'class: alert') : []),
  ]);
}

function reserved(channels: object, name: string, suffix: string, subject: string, cause: string): Fault[] {
  const used = name + suffix;
  if (used in channels) return [[['channels', used], `expected another name: ${name} reports ${subject} under this name`]];
  const most = MAX_NAME_CHARACTERS - suffix.length;
  return name.length > most ? [[['channels', name], `expected at most ${most} characters with ${cause}`]] : [];
}
