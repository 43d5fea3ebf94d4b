// Whether a command may run: one pure function, with the reason as its result. When in doubt it refuses and says so.
import type { CommandConfig } from '../config/index.ts';
import {
  type Command,
  commandId,
  command as commandSchema,
  EXPIRY_GRACE_MS,
  MAX_COMMAND_BYTES,
  MAX_ISSUED_AHEAD_MS,
  type ResultReason,
  type ResultStatus,
} from '../wire/index.ts';
import { checkArguments } from './arguments.ts';
import { fill } from './template.ts';

export interface Arrival {
  readonly payload: Buffer;
  readonly retained: boolean;
  /** The message itself expires at the broker (MQTT 5), so its age is bounded without our clock. */
  readonly expires: boolean;
}

export interface AdmissionFacts {
  readonly thing: string;
  readonly wallMs: number;
  readonly clockTrusted: boolean;
  readonly commands: Readonly<Record<string, CommandConfig>>;
  /** Whether this id was taken before. */
  readonly known: (id: string) => boolean;
  /** Commands of this name in the last minute. */
  readonly recent: (name: string) => number;
}

export interface Admitted {
  readonly verdict: 'admitted';
  /** Absent only for a legacy command. */
  readonly id: string | undefined;
  readonly name: string;
  readonly config: CommandConfig;
  readonly message: Record<string, unknown>;
  readonly clamped: readonly string[];
}

export interface Refused {
  readonly verdict: 'refused';
  /** Absent where none could be read: then there is nobody to answer. */
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason: ResultReason | undefined;
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
  const names = namesIn(json);
  if (names.id !== undefined && facts.known(names.id)) return { verdict: 'duplicate', id: names.id };
  if (arrival.retained) return refuse(names, 'retained', 'a retained command is an old command; publish it without the retain flag');
  const parsed = commandSchema.safeParse(json);
  if (!parsed.success) return refuse(names, 'malformed', parsed.error.issues[0]?.message ?? 'not a JSON object');
  const command = parsed.data;
  const config = Object.hasOwn(facts.commands, command.command) ? facts.commands[command.command] : undefined;
  if (!config) return refuse(names, 'unknown_command', `known: ${Object.keys(facts.commands).join(', ') || 'none'}`);
  const late = checkTime(command, config, arrival, facts);
  if (late) return { ...late, id: names.id, name: names.name };
  const args = checkArguments(command, config);
  if (typeof args === 'string') return refuse(names, 'bad_arguments', args);
  if (facts.recent(command.command) >= config.rate) {
    return refuse(names, 'rate_limited', `more than ${config.rate} a minute`);
  }
  return {
    verdict: 'admitted',
    id: command.id,
    name: command.command,
    config,
    message: fill(config.message, args.values),
    clamped: args.clamped,
  };
}

type Late = Omit<Refused, 'id' | 'name'>;

/** Thing, id and expiry, by a clock that is trusted, or by the broker's own expiry where ours is not. */
function checkTime(command: Command, config: CommandConfig, arrival: Arrival, facts: AdmissionFacts): Late | undefined {
  const { id, thing, expires_at: expiresAt, issued_at: issuedAt } = command;
  const isLegacy = id === undefined && thing === undefined && expiresAt === undefined;
  if (isLegacy && config.legacy) return undefined;
  if (thing !== undefined && thing !== facts.thing) return rejected('wrong_thing', `this is ${facts.thing}`);
  if (id === undefined || thing === undefined || expiresAt === undefined) {
    return rejected('malformed', 'id, thing and expires_at are needed');
  }
  if (!facts.clockTrusted) {
    return arrival.expires
      ? undefined
      : rejected('clock_untrusted', 'the robot does not know the time; send it with an MQTT message expiry');
  }
  if (facts.wallMs > expiresAt + EXPIRY_GRACE_MS) {
    return { verdict: 'refused', status: 'expired', reason: undefined, detail: `${facts.wallMs - expiresAt} ms too late` };
  }
  if (issuedAt !== undefined && issuedAt > facts.wallMs + MAX_ISSUED_AHEAD_MS) {
    return rejected('clock_skew', `issued ${issuedAt - facts.wallMs} ms in the robot's future`);
  }
  const lifetimeStart = issuedAt ?? facts.wallMs;
  if (expiresAt - lifetimeStart > config.ttl) return rejected('not_allowed', `valid for longer than the ${config.ttl} ms allowed`);
  return undefined;
}

function rejected(reason: ResultReason, detail: string): Late {
  return { verdict: 'refused', status: 'rejected', reason, detail };
}

function refuse(names: Names, reason: ResultReason, detail: string): Refused {
  return { ...rejected(reason, detail), id: names.id, name: names.name };
}

interface Names {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

/** Id and name of whatever arrived, so that also a malformed command is answered to the one who sent it. */
function namesIn(json: unknown): Names {
  if (json === null || typeof json !== 'object') return {};
  const { id, command } = json as { id?: unknown; command?: unknown };
  const parsedId = commandId.safeParse(id);
  const parsedName = commandSchema.shape.command.safeParse(command);
  return { id: parsedId.data, name: parsedName.data };
}

function parse(payload: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}
