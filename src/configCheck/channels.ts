// Checks a channel against the definition of its message type: its field exists, and a value can meet the alert condition. Pure.
import {
  type AlertWhen,
  AUTO_UNIT,
  type ChannelConfig,
  DEFINED_SCALE,
  DIAGNOSTICS,
  isDistance,
  isPercent,
  readingOf,
  UNKNOWN_LIMIT,
} from '../config/index.ts';
import { ANY_NUMBER, alwaysHolds, canHold, measured, type Range, scaledRange, suitableCondition, within, written } from './condition.ts';
import { kindOf, type ValueKind } from './field.ts';
import type { EntryFindings } from './finding.ts';
import { type Definitions, structOf } from './types.ts';

/** Types whose values are infinite if the sensor sees no obstacle (REP 117). Conditions compare with infinity in spite of the limits. */
const RANGEFINDERS: readonly string[] = ['sensor_msgs/msg/Range', 'sensor_msgs/msg/LaserScan', 'sensor_msgs/msg/MultiEchoLaserScan'];

/** Entries whose values the cloud shows in words (docs/reference/protocol.md, REST API). */
const IN_WORDS: readonly string[] = ['gas', 'fire', 'fall', 'stranger'].map((name) => `channels.${name}`);

/** @returns the kind of the channel's values; undefined if it is not known. */
export function checkChannel(channel: ChannelConfig, definitions: Definitions | undefined, findings: EntryFindings): ValueKind | undefined {
  const kind = channelKind(channel, definitions, findings);
  if (findings.list.length === 0 && (kind === undefined || kind.kind === 'number')) checkInheritedScale(channel, findings);
  const { alert_when: when } = channel;
  if (when === undefined || findings.list.length > 0) return kind;
  if (kind !== undefined && typeof when.raise.value !== kind.kind) {
    wrongType(channel, kind, when, findings);
    return kind;
  }
  if (kind?.kind === 'number' && channel.report.as === 'value' && IN_WORDS.includes(findings.entry)) {
    const reason = `the family sees the number and not Detected, and conditions such as ${findings.entry.slice('channels.'.length)} == false never hold`;
    findings.warning(['report', 'alert_when'], reason, { suggestion: 'report: { as: alert }' });
  }
  if (typeof when.raise.value === 'number') checkRange(channel, kind?.kind === 'number' ? kind : undefined, when, findings);
  return kind;
}

function channelKind(
  { type, field, diagnostics, class: rowClass, event }: ChannelConfig,
  definitions: Definitions | undefined,
  findings: EntryFindings,
): ValueKind | undefined {
  if (type === undefined || definitions === undefined) return undefined;
  const struct = structOf(type, definitions, findings);
  if (struct === undefined) return undefined;
  if (diagnostics) {
    if (diagnostics.key !== undefined) return undefined;
    return diagnostics.take === 'message'
      ? { kind: 'string', type: 'message of a status' }
      : { kind: 'number', type: 'level of a status', min: 0, max: 255, isWhole: true };
  }
  const kind = kindOf(struct, field);
  if (!('reason' in kind)) return kind;
  if (struct.fields.every(({ name }) => name === 'header')) {
    if (event) return { kind: 'boolean', type: 'occurrence' };
    const suggestion = rowClass === 'alert' ? 'event: true' : undefined;
    findings.error(['field', 'type'], `${type}: the message has no fields, so it has no value`, { suggestion });
    return undefined;
  }
  if (type === DIAGNOSTICS && findings.originOf('field') === undefined) {
    const reason = `${type}: the entry selects no status of the list; name "*" is the worst of all, "motors*" the worst of these`;
    findings.error(['field', 'type'], reason, { suggestion: 'diagnostics: { name: "*" }' });
    return undefined;
  }
  const { reason, suggestion } = kind;
  findings.error(['field', 'type'], `${type}: ${reason}`, { suggestion });
  return undefined;
}

/** DDS sends kept messages only to reliable readers. */
export function checkQos({ qos }: ChannelConfig, findings: EntryFindings): void {
  if (qos === 'auto' || qos.durability !== 'transient_local' || qos.reliability === 'reliable') return;
  const reason = 'DDS keeps nothing for best_effort with transient_local, so a message that was sent before the agent started is lost';
  findings.warning(['qos'], reason, { suggestion: 'qos: auto' });
}

function wrongType({ class: rowClass }: ChannelConfig, kind: ValueKind, { raise }: AlertWhen, findings: EntryFindings): void {
  const isDefault = rowClass === 'alert' && findings.originOf('alert_when') === undefined;
  const reason = isDefault
    ? `the value is a ${named(kind)}, but class: alert without alert_when expects a boolean, so this alert can never be raised`
    : `the value is a ${named(kind)}, which alert_when ${written(raise)} can never match`;
  findings.error(['alert_when', 'field', 'type', 'class'], reason, {
    // A number that takes only 0 and 1 is rare, so the line asks for the limit.
    suggestion: isDefault && kind.kind === 'number' ? UNKNOWN_LIMIT : suitableCondition(kind, raise),
  });
}

function named({ kind, type }: ValueKind): string {
  return kind === type ? kind : `${kind} (${type})`;
}

function checkRange(
  channel: ChannelConfig,
  kind: Extract<ValueKind, { kind: 'number' }> | undefined,
  when: AlertWhen,
  findings: EntryFindings,
) {
  const { scale } = channel;
  const possible = scaledRange(kind ?? ANY_NUMBER, scale);
  const valid = measured(possible, channel);
  const accepted = within(valid, channel);
  const { raise, clear } = when;
  const times = scale === 1 ? '' : ` times scale ${scale}`;
  if (!canHold(raise, possible)) {
    const isBetween = Number(raise.value) >= possible.min && Number(raise.value) <= possible.max;
    const values = isBetween ? 'a whole number' : `${possible.min} to ${possible.max}`;
    findings.error(
      ['alert_when', 'type', 'scale'],
      `the value is a ${kind?.type}${times}, ${values}, so alert_when ${written(raise)} can never hold`,
      {
        suggestion: reachable(raise, possible),
      },
    );
  } else if (!canHold(raise, accepted)) {
    const limits = canHold(raise, valid)
      ? `values outside ${limitsOf(channel)} are marked bad: range`
      : `numbers outside valid ${JSON.stringify(channel.valid)} are left out`;
    const reason = `${limits}, so alert_when ${written(raise)} can never hold`;
    const keys = ['alert_when', 'valid', 'min', 'max', 'unit', 'scale'];
    const advice = { suggestion: reachable(raise, accepted) };
    const infinity = raise.comparison.startsWith('>') ? 'sees no obstacle' : 'reports an obstacle as too close';
    if (mayBeInfinite(channel, raise)) findings.warning(keys, `${reason}, except for a sensor that ${infinity}`, advice);
    else findings.error(keys, reason, advice);
  } else if (alwaysHolds(raise, accepted) && !channel.event) {
    findings.warning(['alert_when', 'min', 'max'], `every value meets alert_when ${written(raise)}, so this alert would always stand`, {
      suggestion: UNKNOWN_LIMIT,
    });
  } else if (clear !== undefined && !canHold(clear, accepted)) {
    const reason = `no value from ${accepted.min} to ${accepted.max} can meet clear ${written(clear)}, so this alert would never end`;
    findings.warning(['alert_when', 'min', 'max'], reason);
  } else checkScaledLimit(channel, raise, findings);
}

/** A scale of the default file belongs to its type and field. It is probably wrong for others, such as a Float32 in percent. */
function checkInheritedScale({ type, field, scale, unit }: ChannelConfig, findings: EntryFindings): void {
  if (scale === 1 || findings.originOf('scale') === 'file') return;
  const isOther = (key: string, value: string | undefined) => value !== undefined && value !== findings.defaultOf(key);
  if (!isOther('type', type) && !isOther('field', field)) return;
  const reason = `the field or its type is changed, but the scale is inherited, so a reading is "${field}" times ${scale}; write the scale that fits`;
  findings.warning(['field', 'type'], reason, {
    suggestion: `scale: 1  # if "${field}" is already in ${unit ?? 'the unit of the reading'}`,
  });
}

/** A robot's own condition on a field that an inherited scale or `unit: auto` turns into percent, such as "< 0.15". */
function checkScaledLimit(
  { scale, min, max, unit }: ChannelConfig,
  { comparison, value }: AlertWhen['raise'],
  findings: EntryFindings,
): void {
  const factor = unit === AUTO_UNIT ? DEFINED_SCALE : scale;
  if (factor === 1 || max === undefined || typeof value !== 'number') return;
  if (findings.originOf('scale') === 'file' || findings.originOf('alert_when') !== 'file') return;
  const isRaw = value > Math.max(0, (min ?? 0) / factor) && value < max / factor;
  if (!isRaw) return;
  const meant = readingOf(value, factor);
  const inUnit = unitSuffix(unit);
  const reading = unit === AUTO_UNIT ? 'percent with unit: auto' : `the field times the inherited scale ${scale}`;
  const reason = `alert_when compares with the reading, which is ${reading}: "${comparison} ${value}" means ${value}${inUnit}`;
  findings.warning(['alert_when'], `${reason}; for ${meant}${inUnit} write ${meant}`, {
    suggestion: `alert_when: "${comparison} ${meant}"`,
  });
}

function mayBeInfinite({ type, unit }: ChannelConfig, { comparison }: AlertWhen['raise']): boolean {
  const mayBeDistance = type === undefined || RANGEFINDERS.includes(type) || isDistance(unit);
  return mayBeDistance && !isPercent(unit) && !/^[=!]/.test(comparison);
}

function limitsOf({ min, max, unit }: ChannelConfig): string {
  return `${min ?? 'no minimum'} to ${max ?? 'no maximum'}${unitSuffix(unit)}`;
}

function unitSuffix(unit: string | undefined): string {
  if (unit === undefined) return '';
  return unit === AUTO_UNIT ? ' percent' : ` ${unit}`;
}

/** @returns a condition with the same comparison that some values of the range meet. Undefined if the range has no value. */
function reachable({ comparison }: AlertWhen['raise'], { min, max, isWhole, scale }: Range): string | undefined {
  if (min > max) return undefined;
  return `alert_when: "${comparison} N"  # N: ${isWhole && scale === 1 ? wholeNumbers(comparison, min, max) : bounds(comparison, min, max)}`;
}

function wholeNumbers(comparison: string, min: number, max: number): string {
  return `a whole number from ${Math.ceil(min) + (comparison === '<' ? 1 : 0)} to ${Math.floor(max) - (comparison === '>' ? 1 : 0)}`;
}

function bounds(comparison: string, min: number, max: number): string {
  if (comparison === '>') return `a number less than ${max}`;
  if (comparison === '>=') return `a number of at most ${max}`;
  if (comparison === '<') return `a number greater than ${min}`;
  return comparison === '<=' ? `a number of at least ${min}` : `a number from ${min} to ${max}`;
}
