// Explains why a channel cannot use a message, and suggests the lines of YAML that would work. Pure.
import { booleanLine, type ChannelConfig, isCalm, isExact, nearest, readingOf, UNKNOWN_LIMIT } from '../config/index.ts';
import { statusesOf, statusSelector } from './field.ts';
import type { Sample } from './value.ts';

type Message = Readonly<Record<string, unknown>>;

export interface Unusable {
  /** A phrase without a full stop, such as `the message has no field "percent"`. */
  readonly reason: string;
  /** The field's raw content as JSON, cut to 60 characters. Null if the field does not exist. */
  readonly raw: string | null;
  /** A line for the channel's entry, such as `field: percentage`. Null if no change to the configuration would help. */
  readonly suggestion: string | null;
}

/** @returns the reason with the value, as a phrase without a full stop. */
export function reasonText({ reason, raw }: Unusable): string {
  return raw === null ? reason : `${reason}; the value was ${raw}`;
}

const MAX_RAW_CHARACTERS = 60;
const MAX_LISTED_FIELDS = 8;
const MAX_DEPTH = 3;

/**
 * Whether the sample is usable. Infinity is, unless the alert's condition is not numeric: a rangefinder that sees no obstacle sends it (REP
 * 117).
 */
export function isUsable({ bad, infinite }: Sample, { alert_when: when }: Pick<ChannelConfig, 'alert_when'>): boolean {
  return bad === undefined || (infinite !== undefined && (when === undefined || typeof when.raise.value === 'number'));
}

/** @param field the content that the channel's reader took from the message. */
export function explain(config: ChannelConfig, message: Message, field: unknown, { bad, infinite }: Sample): Unusable {
  const raw = field === undefined ? null : described(field);
  const about = (reason: string, suggestion: string | null = null): Unusable => ({ reason, raw, suggestion });
  if (field === undefined) return missing(config, message, about);
  if (infinite !== undefined) return about(...mismatch(config, field));
  if (bad === 'nan') return about('the value is NaN: the sensor cannot measure');
  if (bad === 'range') return outside(config, field, about);
  if (typeof field === 'object') return about(`"${config.field}" is not a single value`, deeper(config, field));
  return about(...mismatch(config, field));
}

/** @returns why a diagnostics channel has not found its status or key in any array. */
export function explainMissing({ name, key }: NonNullable<ChannelConfig['diagnostics']>, message: Message): Unusable {
  const statuses = statusesOf(message);
  const names = statuses.map((status) => String(status.name));
  const selected = statuses.find(statusSelector(name));
  const keys = selected?.values?.map((pair) => String(pair.key)) ?? [];
  const [what, given, found] = selected ? ['key', key ?? '', keys] : ['status', name, names];
  const better = nearest(given, found);
  return {
    reason: `no ${what} "${given}" has been found; the last message has ${listed(found.map((each) => `"${each}"`))}`,
    raw: null,
    suggestion:
      better === undefined
        ? null
        : `diagnostics: ${JSON.stringify(selected ? { name, key: better } : { name: better, ...(key ? { key } : {}) })}`,
  };
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return `${names.slice(0, MAX_LISTED_FIELDS).join(', ')}${names.length > MAX_LISTED_FIELDS ? ', ...' : ''}`;
}

type About = (reason: string, suggestion?: string | null) => Unusable;

function missing({ field, diagnostics, class: rowClass }: ChannelConfig, message: Message, about: About): Unusable {
  if (diagnostics) return about('the diagnostic status has no such value');
  const fields = leaves(message);
  if (fields.length === 0) return about('the message has no fields, so it has no value', rowClass === 'alert' ? 'event: true' : null);
  const single = fields.filter((path) => !path.endsWith('[*]'));
  const better = nearest(field, single) ?? (fields.length === 1 ? single[0] : undefined);
  return about(`the message has no field "${field}"; it has ${listed(fields)}`, better === undefined ? null : `field: ${better}`);
}

function outside({ scale, min, max }: ChannelConfig, field: unknown, about: About): Unusable {
  if (typeof field === 'string') return about('the text has more than 1,000 characters');
  if (typeof field === 'bigint' && !isExact(field, readingOf(field, scale))) return tooLarge(field, scale, about);
  const number = Number(field);
  const fits = (value: number) => (min === undefined || value >= min) && (max === undefined || value <= max);
  const limit = max !== undefined && number * scale > max ? `above max ${max}` : `below min ${min}`;
  const value = scale === 1 ? `${number}` : `${number} times scale ${scale}`;
  // A value slightly beyond the limit, such as a battery of 1.004, is no sign of a wrong scale.
  const isScaledTwice = scale !== 1 && fits(number) && Math.abs(number) > 2 * Math.abs((max ?? min ?? 0) / scale);
  return about(`${value} is ${limit}`, isScaledTwice ? 'scale: 1' : null);
}

/** A smaller scale makes every 64-bit number small enough. A number in which each digit counts, such as an id, needs a text. */
function tooLarge(field: bigint, scale: number, about: About): Unusable {
  const value = scale === 1 ? `${field}` : `${field} times scale ${scale}`;
  const reason = `${value} is beyond 2^53, so a reading cannot hold it exactly; use a smaller scale, or publish an id as text`;
  const isThousands = isExact(field, readingOf(field, 0.001));
  return about(
    reason,
    `scale: ${isThousands ? '0.001' : '0.000001'}  # if the reading may count ${isThousands ? 'thousands' : 'millions'}`,
  );
}

/** Explains that the value's type differs from the type in the condition, and suggests a condition that fits the value. */
function mismatch({ alert_when: when }: ChannelConfig, field: unknown): [reason: string, suggestion: string | null] {
  const kind = typeof field === 'bigint' ? 'number' : typeof field;
  const expected = when && `${when.raise.comparison} ${when.raise.value}`;
  const never = expected === '== true' ? 'and only the boolean true raises this alert' : `which alert_when "${expected}" can never match`;
  return [`the value is a ${kind}, ${never}`, kind === 'boolean' && when ? booleanLine(when.raise) : conditionLine(kind, field)];
}

/** @returns a line with a condition that this value meets, or whose limit the user has to fill in. */
function conditionLine(kind: string, field: unknown): string | null {
  if (kind === 'string') return textLine(String(field));
  return Number(field) === 0 || Number(field) === 1 ? 'alert_when: "> 0"' : UNKNOWN_LIMIT;
}

/** A text that looks like a number or a boolean needs quotes in the condition. A text with a quote cannot be written there. */
function textLine(text: string): string | null {
  if (!/^[^"\\\p{Cc}]+$/u.test(text)) return null;
  const isPlain = /^[^\s]+$/.test(text) && Number.isNaN(Number(text)) && text !== 'true' && text !== 'false';
  const comparison = `${isCalm(text) ? '!=' : '=='} ${isPlain ? text : `"${text}"`}`;
  return `alert_when: ${JSON.stringify(comparison)}  # if this text means ${isCalm(text) ? 'no danger' : 'danger'}`;
}

function deeper({ field: path, alert_when: when }: ChannelConfig, field: object | null): string | null {
  if (!Array.isArray(field) && !ArrayBuffer.isView(field)) {
    const leaf = leaves(field as Message).find((path) => !path.endsWith('[*]'));
    return leaf === undefined ? null : `field: ${path}.${leaf}`;
  }
  const [first] = field as unknown as readonly unknown[];
  if (typeof first === 'boolean') return `field: "${path}[*] | any"`;
  const isLow = when?.raise.comparison.startsWith('<') === true;
  return typeof first === 'number' ? `field: "${path}[*] | ${isLow ? 'min' : 'max'}"` : null;
}

/** Whether the message has no value, as std_msgs/Empty. */
export function hasNoFields(message: Message): boolean {
  return leaves(message).length === 0;
}

/** Paths of the values in a message, without those of its header. A list ends with `[*]`. */
function leaves(message: Message | null, depth = 1): string[] {
  if (message === null) return [];
  return Object.entries(message).flatMap(([name, value]) => {
    if (name === 'header' || name === 'structure_needs_at_least_one_member') return [];
    if (value === null || typeof value !== 'object') return [name];
    if (Array.isArray(value) || ArrayBuffer.isView(value)) return [`${name}[*]`];
    return depth === MAX_DEPTH ? [] : leaves(value as Message, depth + 1).map((path) => `${name}.${path}`);
  });
}

/** An image may have a million values, so a list is described by its length. */
function described(field: unknown): string {
  if (typeof field === 'number' || typeof field === 'bigint') return String(field);
  const shorten = (_key: string, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    const isList = Array.isArray(value) || ArrayBuffer.isView(value);
    return isList ? `${(value as unknown as readonly unknown[]).length} values` : value;
  };
  const shown = JSON.stringify(field, shorten) ?? String(field);
  return shown.length > MAX_RAW_CHARACTERS ? `${shown.slice(0, MAX_RAW_CHARACTERS - 3)}...` : shown;
}
