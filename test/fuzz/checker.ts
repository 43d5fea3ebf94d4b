// Decides which ROS messages a command may cause. The rules are written by hand from the meaning of test/fuzz/robot.ts, independently of
// the program's own admission. Any other message is a failure.
import { type Device, isSignedBy } from './signers.ts';

/** A delivered message, and the robot's state at that time. */
export interface Delivered {
  readonly payload: Buffer;
  readonly retained: boolean;
  readonly expiryMs: number | undefined;
  readonly wallMs: number;
  readonly trusted: boolean;
  readonly connectedAtMs: number | undefined;
  readonly battery: number | undefined;
  readonly fall: boolean | undefined;
  /** The devices whose signatures count. */
  readonly paired: readonly Device[];
}

type Json = Readonly<Record<string, unknown>>;
type Message = Readonly<Record<string, unknown>>;

const MAX_BYTES = 8_192;
const GRACE_MS = 2_000;
const AHEAD_MS = 60_000;

interface Rule {
  readonly topic: string;
  readonly ttlMs: number;
  readonly moves?: boolean;
  readonly queued?: boolean;
  readonly legacy?: boolean;
  readonly signed?: 'required' | 'optional';
  /** Returns the ROS message for these arguments, or undefined if they are not allowed. */
  readonly message: (args: Json) => Message | undefined;
}

const onlyKeys = (args: Json, ...keys: string[]) => Reflect.ownKeys(args).every((key) => keys.includes(String(key)));
const isText = (value: unknown, most: number): value is string =>
  typeof value === 'string' && value.length <= most && !value.includes('\0') && Buffer.from(value, 'utf8').toString('utf8') === value;
const isNumber = (value: unknown): value is number => typeof value === 'number' && value > -Infinity && value < Infinity;
const within = (value: number, low: number, high: number) => Math.max(low, Math.min(value, high));
const optional = (value: unknown, otherwise: number) => (value === undefined ? otherwise : value);

const PLACES: Readonly<Record<string, Message>> = { kitchen: { x: 3, y: 1 }, bed: { x: -1, y: 4 } };

export const RULES: Readonly<Record<string, Rule>> = {
  buzzer: {
    topic: '/buzzer_command',
    ttlMs: 60_000,
    queued: true,
    message: (args) => (onlyKeys(args, 'value') && typeof args.value === 'boolean' ? { data: args.value } : undefined),
  },
  speak: {
    topic: '/speak',
    ttlMs: 60_000,
    legacy: true,
    message: (args) => (onlyKeys(args, 'value') && isText(args.value, 20) ? { data: args.value } : undefined),
  },
  mode: {
    topic: '/mode',
    ttlMs: 60_000,
    queued: true,
    message: (args) => (onlyKeys(args, 'value') && isText(args.value, 8) && /^[a-z]+$/.test(args.value) ? { data: args.value } : undefined),
  },
  dim: {
    topic: '/dim',
    ttlMs: 10_000,
    signed: 'required',
    message: (args) => {
      const { level, steps } = args;
      if (!onlyKeys(args, 'level', 'steps') || !isNumber(level)) return undefined;
      return steps === undefined || Number.isSafeInteger(steps) ? { data: within(level, 0, 1) } : undefined;
    },
  },
  drive: {
    topic: '/cmd_vel',
    ttlMs: 5_000,
    moves: true,
    signed: 'required',
    message: (args) => {
      const [linear, angular] = [optional(args.linear, 0), optional(args.angular, 0)];
      const isFine = onlyKeys(args, 'linear', 'angular', 'duration_ms') && Number.isSafeInteger(optional(args.duration_ms, 500));
      if (!isFine || !isNumber(linear) || !isNumber(angular)) return undefined;
      return { linear: { x: within(linear, -0.2, 0.3) }, angular: { z: within(angular, -0.8, 0.8) } };
    },
  },
  goto: {
    topic: '/goal_pose',
    ttlMs: 30_000,
    moves: true,
    signed: 'optional',
    message: (args) => {
      const isFine = onlyKeys(args, 'place', 'duration_ms') && Number.isSafeInteger(optional(args.duration_ms, 1_000));
      const place = typeof args.place === 'string' && Object.hasOwn(PLACES, args.place) ? PLACES[args.place] : undefined;
      return isFine && place ? { position: place } : undefined;
    },
  },
};

/** Whether the message ends a motion. Such a message is allowed at any time. */
export function isStop(topic: string, message: Message): boolean {
  const text = JSON.stringify(message);
  if (topic === '/motion_cancel') return text === '{"data":true}';
  return topic === '/cmd_vel' && (text === '{}' || text === '{"linear":{"x":0},"angular":{"z":0}}');
}

/** @returns the parsed payload, or undefined if the robot must not read it. */
function readable(payload: Buffer): Json | undefined {
  if (payload.length > MAX_BYTES) return undefined;
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf8', { fatal: true }).decode(payload));
    return typeof json === 'object' && json !== null ? (json as Json) : undefined;
  } catch {
    return undefined;
  }
}

/** @returns the id that must get a result. */
export function idOf(payload: Buffer): string | undefined {
  const id = readable(payload)?.id;
  return typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : undefined;
}

/** @returns the only ROS message that this command may cause, if there is one. The caller checks for repeated ids. */
export function allowed(delivered: Delivered): { readonly topic: string; readonly message: Message } | undefined {
  const json = readable(delivered.payload);
  if (!json || delivered.retained || typeof json.command !== 'string' || !Object.hasOwn(RULES, json.command)) return undefined;
  const rule = RULES[json.command];
  if (!rule || !isInTime(json, rule, delivered)) return undefined;
  if (!hasSignature(json, rule, delivered)) return undefined;
  if (rule.moves && delivered.fall !== false) return undefined;
  if (json.command === 'drive' && !(delivered.battery !== undefined && delivered.battery > 15)) return undefined;
  const args = argsOf(json);
  const message = args && rule.message(args);
  return message && { topic: rule.topic, message };
}

/** The generator writes the key `linear` twice in a row, and no other key. */
const TWICE = /"linear":[^,]*,"linear":/;

function hasSignature(json: Json, { signed }: Rule, { paired, payload, trusted }: Delivered): boolean {
  if (signed === undefined || (signed === 'optional' && json.sig === undefined)) return true;
  if (signed === 'required' && !trusted) return false;
  return isSignedBy(paired, json) && !TWICE.test(payload.toString('utf8'));
}

function argsOf({ value, args }: Json): Json | undefined {
  if (args === undefined) return value === undefined ? {} : { value };
  return value === undefined && typeof args === 'object' && args !== null && !Array.isArray(args) ? (args as Json) : undefined;
}

function isInTime(json: Json, rule: Rule, { wallMs, trusted, expiryMs, connectedAtMs }: Delivered): boolean {
  const { id, thing, expires_at: until, issued_at: since } = json;
  if (rule.legacy && id === undefined && thing === undefined && until === undefined) return true;
  const isNamed = typeof id === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(id) && thing === 'bot';
  if (!isNamed || !Number.isSafeInteger(until) || (since !== undefined && !Number.isSafeInteger(since))) return false;
  const [end, start] = [Number(until), since === undefined ? wallMs : Number(since)];
  if (!trusted) {
    const isShort = expiryMs !== undefined && expiryMs <= rule.ttlMs && (since === undefined || end - start <= rule.ttlMs);
    return isShort && !rule.moves;
  }
  if (wallMs - end > GRACE_MS || start - wallMs > AHEAD_MS || end - start > rule.ttlMs) return false;
  return rule.queued === true || connectedAtMs === undefined || start + GRACE_MS >= connectedAtMs;
}
