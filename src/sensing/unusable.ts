// Explains why a channel cannot use a message, and suggests lines of YAML that would work. No side effects.
import { type ChannelConfig, nearest } from '../config/index.ts';
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

const MAX_RAW_CHARACTERS = 60;
const MAX_LISTED_FIELDS = 8;
const MAX_DEPTH = 3;

/**
 * Whether the value is a reading, or can raise or clear an alert. Infinity can: a rangefinder sends it if it sees no obstacle (REP 117).
 */
export function isUsable({ bad, infinite }: Sample, { alert_when: when }: Pick<ChannelConfig, 'alert_when'>): boolean {
  return bad === undefined || (infinite !== undefined && (when === undefined || typeof when.raise.value === 'number'));
}

/** @param field the value that the channel's reader found in the message. */
export function explain(config: ChannelConfig, message: Message, field: unknown, { bad }: Sample): Unusable {
  const raw = field === undefined ? null : described(field);
  const about = (reason: string, suggestion: string | null = null): Unusable => ({ reason, raw, suggestion });
  if (field === undefined) return missing(config, message, about);
  if (bad === 'nan') return about('the value is NaN, so the sensor reports that it cannot measure');
  if (bad === 'range') return outside(config, field, about);
  if (typeof field === 'object') return about(`"${config.field}" is not a single value`, deeper(config.field, field));
  return about(...mismatch(config, field));
}

type About = (reason: string, suggestion?: string | null) => Unusable;

function missing({ field, diagnostics }: ChannelConfig, message: Message, about: About): Unusable {
  if (diagnostics) return about('the diagnostic status has no such value');
  const fields = leaves(message);
  if (fields.length === 0) return about('the message has no fields, so it has no value');
  const listed = fields.slice(0, MAX_LISTED_FIELDS).join(', ');
  const more = fields.length > MAX_LISTED_FIELDS ? ', ...' : '';
  const better = nearest(field, fields) ?? (fields.length === 1 ? fields[0] : undefined);
  return about(`the message has no field "${field}"; it has ${listed}${more}`, better === undefined ? null : `field: ${better}`);
}

function outside({ scale, min, max }: ChannelConfig, field: unknown, about: About): Unusable {
  if (typeof field === 'string') return about('the text has more than 1,000 characters');
  const number = Number(field);
  const fits = (value: number) => (min === undefined || value >= min) && (max === undefined || value <= max);
  const limits = `${min ?? 'no minimum'} to ${max ?? 'no maximum'}`;
  const value = scale === 1 ? `${number}` : `${number} times scale ${scale}`;
  return about(`${value} is outside ${limits}`, scale !== 1 && fits(number) ? 'scale: 1' : null);
}

/** Explains that the value's type differs from the type in the condition, and suggests a condition that fits the value. */
function mismatch({ alert_when: when }: ChannelConfig, field: unknown): [reason: string, suggestion: string | null] {
  const kind = typeof field === 'bigint' ? 'number' : typeof field;
  const expected = when === undefined ? undefined : `${when.raise.comparison} ${JSON.stringify(when.raise.value)}`;
  return [`the value is a ${kind}, which alert_when "${expected}" can never match`, `alert_when: ${condition(kind, field)}`];
}

function condition(kind: string, field: unknown): string {
  if (kind === 'boolean') return 'true';
  if (kind === 'string') return JSON.stringify(`== ${/^[^\s"]+$/.test(String(field)) ? field : JSON.stringify(field)}`);
  return Number(field) === 0 || Number(field) === 1 ? '"== 1"' : '"> N"  # N: the largest harmless value';
}

function deeper(path: string, field: object | null): string | null {
  if (Array.isArray(field) || ArrayBuffer.isView(field)) return `field: "${path}[*] | max"`;
  const [leaf] = leaves(field as Message);
  return leaf === undefined ? null : `field: ${path}.${leaf}`;
}

/** @returns the paths of all single values in a message, except in its header. */
function leaves(message: Message | null, depth = 1): string[] {
  if (message === null) return [];
  return Object.entries(message).flatMap(([name, value]) => {
    if (name === 'header' || name === 'structure_needs_at_least_one_member') return [];
    if (value === null || typeof value !== 'object') return [name];
    if (Array.isArray(value) || ArrayBuffer.isView(value)) return [`${name}[*]`];
    return depth === MAX_DEPTH ? [] : leaves(value as Message, depth + 1).map((path) => `${name}.${path}`);
  });
}

function described(field: unknown): string {
  const text = JSON.stringify(field, (_key, value) => (typeof value === 'bigint' ? Number(value) : value)) ?? String(field);
  const shown = Number.isNaN(field) ? 'NaN' : text;
  return shown.length > MAX_RAW_CHARACTERS ? `${shown.slice(0, MAX_RAW_CHARACTERS - 3)}...` : shown;
}
