// Decides whether a command may run. In case of doubt it is refused with a reason. The stop is an exception: unless retained, every
// readable stop that is addressed to this robot is admitted.
import { parseJson } from '../base/index.ts';
import { type BuiltinCommand, type CommandConfig, DURATION, STOP } from '../config/index.ts';
import { duplicateKey, type FamilyKey, type PairedKeys, verifySignature } from '../signing/index.ts';
import {
  COMMAND_ID_PATTERN,
  COMMAND_NAME_PATTERN,
  type Command,
  command as commandSchema,
  MAX_COMMAND_BYTES,
  MAX_ISSUED_AHEAD_MS,
  type ResultReason,
  type ResultStatus,
} from '../wire/index.ts';
import { type CheckedArguments, type CommandMessage, checkArguments, messagesFor, type Values } from './arguments.ts';
import { type ChannelValue, type ClockFacts, checkTime, unmetCondition } from './validity.ts';

export interface Arrival {
  readonly payload: Buffer;
  readonly retained: boolean;
  /**
   * The message's MQTT 5 expiry: the milliseconds that were left when the broker delivered it. The broker thus limits its age, even if the
   * robot's clock is wrong. Undefined without an expiry.
   */
  readonly expiryMs: number | undefined;
}

export interface AdmissionFacts {
  readonly thing: string;
  readonly clock: ClockFacts;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  /** Whether this id has been accepted before. Never called for a stop. */
  readonly known: (id: string) => boolean;
  /** How many commands of this name were admitted in the last minute. */
  readonly recent: (name: string) => number;
  readonly latestValue: (channel: string) => ChannelValue | undefined;
  /** The command whose motion is running or about to start. */
  readonly moving: string | undefined;
  /** Why no motion may start now, for example because the guard is missing. Undefined if motions may start. */
  readonly noMotion: string | undefined;
  /** The keys that may sign commands. Called only for a command whose signature counts. */
  readonly familyKeys: () => PairedKeys;
  /** Returns the reason if the agent cannot execute this built-in command. */
  readonly unable: (action: BuiltinCommand) => string | undefined;
  /** Whether the inbox is full. If so, all commands except stops and duplicates are refused. */
  readonly flooded: boolean;
  /** Whether the agent is stopping. If so, no command may start. */
  readonly stopping: boolean;
  /** Why no id can be recorded durably now, so that no command but a stop may start. Undefined if ids can be recorded. */
  readonly unrecordable: string | undefined;
  /** For how long of running time every command that ran is known. Undefined if always. */
  readonly completeForMs: number | undefined;
}

export interface Admitted {
  readonly verdict: 'admitted' | 'stop';
  /** Undefined only for a legacy command, or for a stop without an id. */
  readonly id: string | undefined;
  readonly name: string;
  readonly config: CommandConfig;
  readonly values: Values;
  readonly messages: readonly CommandMessage[];
  readonly clamped: readonly string[];
  /** Whether the command starts or ends a motion. Undefined if it does neither. */
  readonly motion: { readonly begins: true; readonly durationMs: number } | { readonly begins: false } | undefined;
  /** The family key that signed the command. Undefined if it is not signed, or its signature does not count. */
  readonly signer?: FamilyKey | undefined;
  /** Milliseconds until the command expires. Undefined if the clock is not trusted or the command has no expiry. */
  readonly validMs?: number | undefined;
}

export interface Refused {
  readonly verdict: 'refused';
  /** Undefined if no id can be read from the payload. Then no result can be sent. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason?: ResultReason | undefined;
  readonly detail: string;
}

/** A duplicate is a command that has been accepted before. It must not run again and gets no second result. */
export type Verdict = Admitted | Refused | { readonly verdict: 'duplicate'; readonly id: string };

/** @returns the command with its ROS messages, the reason for refusing it, or a duplicate's id. */
export function admit(arrival: Arrival, facts: AdmissionFacts): Verdict {
  const { payload } = arrival;
  if (payload.length > MAX_COMMAND_BYTES) {
    return refuse({}, 'too_large', `${payload.length} bytes; at most ${MAX_COMMAND_BYTES} are allowed`);
  }
  const json = parseJson(payload);
  const names = namesOf(json);
  const stop = asStop(names, arrival, facts);
  if (stop) return stop;
  if (names.id !== undefined && facts.known(names.id)) return { verdict: 'duplicate', id: names.id };
  if (facts.flooded) return refuse(names, 'rate_limited', 'too many commands arrived at once');
  if (facts.stopping) return refuse(names, 'not_allowed', 'the agent is stopping');
  if (arrival.retained) return refuse(names, 'retained', 'a retained command is an old command; publish it without the retain flag');
  const parsed = commandSchema.safeParse(json);
  if (!parsed.success) return refuse(names, 'malformed', parsed.error.issues[0]?.message ?? 'not a JSON object');
  // zod silently drops a key called `__proto__`. Restore the original arguments, so that such a key is refused as an unknown argument.
  const command: Command =
    parsed.data.args === undefined ? parsed.data : { ...parsed.data, args: (json as { args: Command['args'] }).args };
  const config = configOf(command.command, facts);
  if (!config) return refuse(names, 'unknown_command', `known: ${Object.keys(facts.commands).join(', ') || 'none'}`);
  const refused = admitKnown(command, config, arrival, facts);
  if (refused) return refused;
  const signer = signerOf(command, config, payload, facts);
  return signer && 'verdict' in signer ? signer : admitArguments(command, config, signer, facts);
}

/** Whether this is a stop. A stop must be handled before all waiting commands. */
export function isStop(arrival: Arrival, facts: Pick<AdmissionFacts, 'thing' | 'commands'>): boolean {
  const { payload } = arrival;
  // Parsing every payload would be slow. This misses a stop whose name contains JSON escapes; `admit` recognises it later.
  if (payload.length > MAX_COMMAND_BYTES || !payload.includes(STOP)) return false;
  return asStop(namesOf(parseJson(payload)), arrival, facts) !== undefined;
}

/** Checks the addressee, the time limits, and whether the agent can execute the command. */
function admitKnown(command: Command, config: CommandConfig, arrival: Arrival, facts: AdmissionFacts): Refused | undefined {
  const { id, thing, expires_at: expiresAt } = command;
  const names = { id, name: command.command };
  if (thing !== undefined && thing !== facts.thing) return refuse(names, 'wrong_thing', `this is ${facts.thing}`);
  const isLegacy = config.legacy && id === undefined && thing === undefined && expiresAt === undefined;
  if (!isLegacy) {
    if (id === undefined || thing === undefined || expiresAt === undefined) return refuse(names, 'malformed', incomplete(command, config));
    const late = checkTime({ ...command, expires_at: expiresAt }, config, arrival.expiryMs, facts.clock);
    if (late) return { verdict: 'refused', ...names, ...late };
    if (mayHaveRun({ ...command, expires_at: expiresAt }, config, facts)) return refuse(names, 'not_allowed', MAY_HAVE_RUN);
  }
  const unable = config.does && facts.unable(config.does);
  return unable === undefined ? undefined : refuse(names, 'not_allowed', unable);
}

const MAY_HAVE_RUN = 'it may have run already: after it was issued, the robot’s record of commands was restored or repaired; send it again';

/** Whether the command could be a repetition of one that the journal lacks. */
function mayHaveRun(
  { issued_at: issuedAt, expires_at: expiresAt }: { readonly issued_at?: number | undefined; readonly expires_at: number },
  { ttl }: CommandConfig,
  { completeForMs, clock }: AdmissionFacts,
): boolean {
  if (completeForMs === undefined) return false;
  if (!clock.trusted) return completeForMs < ttl;
  // The sender's clock may be ahead of the robot's.
  return (issuedAt ?? expiresAt - ttl) - MAX_ISSUED_AHEAD_MS < clock.wallMs - completeForMs;
}

/** Says which fields are missing, and whether the configuration could admit the command without them. */
function incomplete({ id, thing, expires_at: expiresAt, command: name }: Command, { legacy, motion }: CommandConfig): string {
  const fields = Object.entries({ id, thing, expires_at: expiresAt });
  const missing = fields.flatMap(([field, value]) => (value === undefined ? [field] : [])).join(', ');
  if (legacy) return `${missing} missing; send id, thing and expires_at, or none of them`;
  if (motion) return `${missing} missing; a command that moves the robot needs id, thing and expires_at, and must not have legacy: true`;
  return `${missing} missing; to admit ${name} without id, thing and expires_at, set legacy: true for it in the robot’s configuration`;
}

/** @returns the family key that signed the command, a refusal, or undefined if the command may run without a signature. */
function signerOf(command: Command, { signed }: CommandConfig, payload: Buffer, facts: AdmissionFacts): FamilyKey | Refused | undefined {
  const { id, thing, command: name, value, args, issued_at, expires_at, sig } = command;
  const refuseUnsigned = (detail: string) => refuse({ id, name }, 'not_allowed', `signature: ${detail}`);
  if (signed === 'off' || (signed === 'optional' && sig === undefined)) return undefined;
  const { keys, damage } = facts.familyKeys();
  if (damage !== undefined) return refuseUnsigned(`the robot’s family keys can’t be used: ${damage}`);
  if (keys.length === 0) return refuseUnsigned('no family key is paired with this robot; run elderly-bot pair add on it');
  if (sig === undefined) return refuseUnsigned('missing; a family key that is paired with this robot must sign this command');
  if (id === undefined || thing === undefined || issued_at === undefined || expires_at === undefined)
    return refuseUnsigned('a signed command needs id, thing, issued_at and expires_at');
  if (value !== undefined && args !== undefined) return refuse({ id, name }, 'bad_arguments', 'both value and args are given; give one');
  const twice = duplicateKey(payload.toString('utf8'));
  if (twice !== undefined) return refuseUnsigned(`the key ${twice.slice(0, 40)} is there twice, so it is not clear what was signed`);
  const fields = { thing, command: name, args: args ?? (value === undefined ? {} : { value }), id, issued_at, expires_at };
  const signer = verifySignature(fields, sig, keys);
  return typeof signer === 'string' ? refuseUnsigned(signer) : signer;
}

/** Checks the arguments, the rate limit, the conditions and the motion state. */
function admitArguments(command: Command, config: CommandConfig, signer: FamilyKey | undefined, facts: AdmissionFacts): Verdict {
  const names = { id: command.id, name: command.command };
  const args = checkArguments(command, config);
  if (typeof args === 'string') return refuse(names, 'bad_arguments', args);
  if (facts.recent(names.name) >= config.rate) return refuse(names, 'rate_limited', `more than ${config.rate} per minute`);
  if (facts.unrecordable !== undefined) return refuse(names, 'not_allowed', facts.unrecordable);
  const motion = motionOf(config, args);
  if (motion?.begins !== false) {
    const unmet = unmetCondition(config, facts.latestValue);
    if (unmet !== undefined) return refuse(names, 'condition_not_met', unmet);
  }
  if (motion && facts.moving !== undefined && facts.moving !== names.name) {
    return refuse(names, 'motion_busy', `${facts.moving} is running; ${STOP} ends it`);
  }
  if (motion?.begins && facts.noMotion !== undefined) return refuse(names, 'not_allowed', facts.noMotion);
  const { values, clamped } = args;
  const { trusted, wallMs } = facts.clock;
  const validMs = trusted && command.expires_at !== undefined ? command.expires_at - wallMs : undefined;
  return { verdict: 'admitted', ...names, config, values, messages: messagesFor(config, values), clamped, motion, signer, validMs };
}

/** If the arguments equal `motion_unless`, the command ends a motion. Otherwise it starts one, or replaces a motion of the same name. */
function motionOf(config: CommandConfig, { given, values }: CheckedArguments): Admitted['motion'] {
  if (!config.motion) return undefined;
  const unless = Object.entries(config.motion_unless ?? {});
  if (unless.length > 0 && unless.every(([name, value]) => given[name] === value)) return { begins: false };
  return { begins: true, durationMs: Number(values[DURATION]) };
}

/** Ignores the clock, the rate limit, the conditions and all other fields: a repeated or late stop does no harm, but refusing one could. */
function asStop(
  { id, name, thing }: Names,
  { retained }: Arrival,
  facts: Pick<AdmissionFacts, 'thing' | 'commands'>,
): Admitted | undefined {
  const config = name === STOP ? configOf(STOP, facts) : undefined;
  const isOurs = thing === undefined || thing === facts.thing;
  if (!config || !isOurs || retained) return undefined;
  return { verdict: 'stop', id, name: STOP, config, values: {}, messages: messagesFor(config, {}), clamped: [], motion: undefined };
}

function configOf(name: string, { commands }: Pick<AdmissionFacts, 'commands'>): CommandConfig | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined;
}

function refuse({ id, name }: Names, reason: ResultReason, detail: string): Refused {
  return { verdict: 'refused', id, name, status: 'rejected', reason, detail };
}

interface Names {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly thing?: unknown;
}

/** Reads the id, name and thing from any JSON value, so that even a malformed command can get a result. */
function namesOf(json: unknown): Names {
  if (json === null || typeof json !== 'object') return {};
  const { id, command, thing } = json as { id?: unknown; command?: unknown; thing?: unknown };
  return { id: matching(id, COMMAND_ID_PATTERN), name: matching(command, COMMAND_NAME_PATTERN), thing };
}

function matching(given: unknown, pattern: RegExp): string | undefined {
  return typeof given === 'string' && pattern.test(given) ? given : undefined;
}
