// Whether a command may run: one pure function, with the reason as its result. When in doubt it refuses and says so. Only a stop
// is never in doubt: if it can be read and is not for another robot, it is a stop.
import { type CommandConfig, DURATION, type OwnCommand, STOP } from '../config/index.ts';
import {
  COMMAND_ID_PATTERN,
  COMMAND_NAME_PATTERN,
  type Command,
  command as commandSchema,
  MAX_COMMAND_BYTES,
  type ResultReason,
  type ResultStatus,
} from '../wire/index.ts';
import { type CheckedArguments, checkArguments } from './arguments.ts';
import { type Heard, unmet } from './conditions.ts';
import { type ClockFacts, notNow } from './expiry.ts';
import { type Outgoing, outgoing, type Values } from './template.ts';

export interface Arrival {
  readonly payload: Buffer;
  readonly retained: boolean;
  /** The message itself expires at the broker (MQTT 5), so its age is bounded without our clock. */
  readonly expires: boolean;
}

export interface AdmissionFacts {
  readonly thing: string;
  readonly clock: ClockFacts;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  /** Whether this id was taken before. Never asked for a stop. */
  readonly known: (id: string) => boolean;
  /** Commands of this name admitted in the last minute. */
  readonly recent: (name: string) => number;
  readonly heard: (channel: string) => Heard | undefined;
  /** The command whose motion is under way. */
  readonly moving: string | undefined;
  /** Why no motion may begin now, such as a guard that is not there. */
  readonly noMotion: string | undefined;
  /** Why the agent can't do this itself. */
  readonly unable: (own: OwnCommand) => string | undefined;
  /** More commands wait than are kept: this one is answered and not looked at. */
  readonly flooded: boolean;
  /** The agent is on its way down: nothing begins any more. */
  readonly stopping: boolean;
}

export interface Admitted {
  readonly verdict: 'admitted' | 'stop';
  /** Absent only for a legacy command, and a stop without one. */
  readonly id: string | undefined;
  readonly name: string;
  readonly config: CommandConfig;
  readonly values: Values;
  readonly messages: readonly Outgoing[];
  readonly clamped: readonly string[];
  /** The motion it begins or ends. */
  readonly motion: { readonly begins: true; readonly durationMs: number } | { readonly begins: false } | undefined;
  /** How long it still comes from now, by a clock that is trusted. */
  readonly validMs?: number | undefined;
}

export interface Refused {
  readonly verdict: 'refused';
  /** Absent where none could be read: then there is nobody to answer. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason?: ResultReason | undefined;
  readonly detail: string;
}

/** Taken before: already answered, so neither run nor answered again. */
export interface Duplicate {
  readonly verdict: 'duplicate';
  readonly id: string;
}

export type Verdict = Admitted | Refused | Duplicate;

export function admit(arrival: Arrival, facts: AdmissionFacts): Verdict {
  const { payload } = arrival;
  if (payload.length > MAX_COMMAND_BYTES) {
    return refuse({}, 'too_large', `${payload.length} bytes, at most ${MAX_COMMAND_BYTES} are read`);
  }
  const json = parse(payload);
  const names = namesOf(json);
  const stop = asStop(names, arrival, facts);
  if (stop) return stop;
  if (names.id !== undefined && facts.known(names.id)) return { verdict: 'duplicate', id: names.id };
  if (facts.flooded) return refuse(names, 'rate_limited', 'more commands came at once than the robot looks at');
  if (facts.stopping) return refuse(names, 'not_allowed', 'the agent is stopping');
  if (arrival.retained) return refuse(names, 'retained', 'a retained command is an old command; publish it without the retain flag');
  const parsed = commandSchema.safeParse(json);
  if (!parsed.success) return refuse(names, 'malformed', parsed.error.issues[0]?.message ?? 'not a JSON object');
  // zod leaves a key `__proto__` out without a word; here it is an argument nobody knows, like any other.
  const command: Command =
    parsed.data.args === undefined ? parsed.data : { ...parsed.data, args: (json as { args: Command['args'] }).args };
  const config = configOf(command.command, facts);
  if (!config) return refuse(names, 'unknown_command', `known: ${Object.keys(facts.commands).join(', ') || 'none'}`);
  return admitKnown(command, config, arrival, facts) ?? admitArguments(command, config, facts);
}

/** Whether this is a stop, so that it can go ahead of what waits. */
export function isStop(arrival: Arrival, facts: Pick<AdmissionFacts, 'thing' | 'commands'>): boolean {
  const { payload } = arrival;
  // A stop that hides its name behind escapes is found in its turn.
  if (payload.length > MAX_COMMAND_BYTES || !payload.includes(STOP)) return false;
  return asStop(namesOf(parse(payload)), arrival, facts) !== undefined;
}

/** Whether the sender, the moment and the robot's abilities allow it. */
function admitKnown(command: Command, config: CommandConfig, arrival: Arrival, facts: AdmissionFacts): Refused | undefined {
  const { id, thing, expires_at: expiresAt } = command;
  const names = { id, name: command.command };
  if (thing !== undefined && thing !== facts.thing) return refuse(names, 'wrong_thing', `this is ${facts.thing}`);
  const isLegacy = config.legacy && id === undefined && thing === undefined && expiresAt === undefined;
  if (!isLegacy) {
    if (id === undefined || thing === undefined || expiresAt === undefined) {
      return refuse(names, 'malformed', 'id, thing and expires_at are needed');
    }
    const late = notNow({ ...command, expires_at: expiresAt }, config, arrival.expires, facts.clock);
    if (late) return { verdict: 'refused', ...names, ...late };
  }
  const unable = config.does && facts.unable(config.does);
  return unable === undefined ? undefined : refuse(names, 'not_allowed', unable);
}

/** Whether what it carries, how often it came, and the state of the robot allow it. */
function admitArguments(command: Command, config: CommandConfig, facts: AdmissionFacts): Verdict {
  const names = { id: command.id, name: command.command };
  const args = checkArguments(command, config);
  if (typeof args === 'string') return refuse(names, 'bad_arguments', args);
  if (facts.recent(names.name) >= config.rate) return refuse(names, 'rate_limited', `more than ${config.rate} a minute`);
  const motion = motionOf(config, args);
  if (motion?.begins !== false) {
    const why = unmet(config.when, config.fresh_within, facts.heard);
    if (why !== undefined) return refuse(names, 'condition_not_met', why);
  }
  if (motion && facts.moving !== undefined && facts.moving !== names.name) {
    return refuse(names, 'motion_busy', `${facts.moving} is under way; ${STOP} ends it`);
  }
  if (motion?.begins && facts.noMotion !== undefined) return refuse(names, 'not_allowed', facts.noMotion);
  const { values, clamped } = args;
  const { trusted, wallMs } = facts.clock;
  const validMs = trusted && command.expires_at !== undefined ? command.expires_at - wallMs : undefined;
  return { verdict: 'admitted', ...names, config, values, messages: outgoing(config, values), clamped, motion, validMs };
}

/** A command of the same name takes a motion over; with the arguments of `motion_unless` it ends it. */
function motionOf(config: CommandConfig, { given, values }: CheckedArguments): Admitted['motion'] {
  if (!config.motion) return undefined;
  const unless = Object.entries(config.motion_unless ?? {});
  if (unless.length > 0 && unless.every(([name, value]) => given[name] === value)) return { begins: false };
  return { begins: true, durationMs: Number(values[DURATION]) };
}

/** Clocks, rates, conditions and what it carries beside don't matter: twice or late does no harm, not at all could. */
function asStop(
  { id, name, thing }: Names,
  { retained }: Arrival,
  facts: Pick<AdmissionFacts, 'thing' | 'commands'>,
): Admitted | undefined {
  const config = name === STOP ? configOf(STOP, facts) : undefined;
  const isOurs = thing === undefined || thing === facts.thing;
  if (!config || !isOurs || retained) return undefined;
  return { verdict: 'stop', id, name: STOP, config, values: {}, messages: outgoing(config, {}), clamped: [], motion: undefined };
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

/** Id, name and thing of whatever arrived, so that also a malformed command is answered to the one who sent it. */
function namesOf(json: unknown): Names {
  if (json === null || typeof json !== 'object') return {};
  const { id, command, thing } = json as { id?: unknown; command?: unknown; thing?: unknown };
  return { id: matching(id, COMMAND_ID_PATTERN), name: matching(command, COMMAND_NAME_PATTERN), thing };
}

function matching(given: unknown, pattern: RegExp): string | undefined {
  return typeof given === 'string' && pattern.test(given) ? given : undefined;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(UTF8.decode(payload));
  } catch {
    return undefined;
  }
}
