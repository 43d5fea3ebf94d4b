// Checks whether a command is current and whether its channel conditions are met. A trusted clock decides whether it is current. If the
// clock is not trusted, the broker's message expiry decides instead, and it must be as short. An unknown or outdated value meets no
// condition.
import { type CommandConfig, holds, STOP } from '../config/index.ts';
import { type Command, EXPIRY_GRACE_MS, MAX_ISSUED_AHEAD_MS, type ResultReason, type ResultStatus } from '../wire/index.ts';

export interface ClockFacts {
  readonly wallMs: number;
  readonly trusted: boolean;
  /** When the current broker connection began, in wall time. Undefined if there is no connection. */
  readonly connectedAtMs: number | undefined;
}

interface Untimely {
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason?: ResultReason;
  readonly detail: string;
}

/**
 * @param expiryMs the milliseconds that are left of the message's MQTT 5 expiry; undefined if it has none. @returns undefined if the
 * command is current.
 */
export function checkTime(
  command: Command & { readonly expires_at: number },
  config: CommandConfig,
  expiryMs: number | undefined,
  clock: ClockFacts,
): Untimely | undefined {
  const { expires_at: expiresAt, issued_at: issuedAt } = command;
  if (!clock.trusted) return untimelyByBroker(command, config, expiryMs);
  const { wallMs, connectedAtMs } = clock;
  if (wallMs > expiresAt + EXPIRY_GRACE_MS) return { status: 'expired', detail: `it arrived ${wallMs - expiresAt} ms after its expiry` };
  if (issuedAt !== undefined && issuedAt > wallMs + MAX_ISSUED_AHEAD_MS) {
    return rejected('clock_skew', `issued ${issuedAt - wallMs} ms in the robot's future`);
  }
  if (expiresAt - (issuedAt ?? wallMs) > config.ttl) return tooLong(config);
  const isOlder = connectedAtMs !== undefined && issuedAt !== undefined && issuedAt + EXPIRY_GRACE_MS < connectedAtMs;
  if (!isOlder || config.queue_offline) return undefined;
  return rejected('not_allowed', 'it was issued before the robot connected, and queue_offline is not set');
}

/**
 * Judges a command while the robot does not know the time. The broker must discard the message as soon as a robot with a clock would refuse
 * it, so that a command cannot be kept back for later.
 */
function untimelyByBroker(
  { command: name, expires_at: expiresAt, issued_at: issuedAt }: Parameters<typeof checkTime>[0],
  config: CommandConfig,
  expiryMs: number | undefined,
): Untimely | undefined {
  const text = 'the robot does not know the time';
  if (config.motion) return rejected('clock_untrusted', `${text}; until then ${STOP} is the only motion command that it accepts`);
  // The broker's expiry is no evidence against the broker, and a signature is there to need no trust in it.
  if (config.signed === 'required') return rejected('clock_untrusted', `${text}, so it can’t tell a signed command from an old one`);
  if (expiryMs === undefined) return rejected('clock_untrusted', `${text}; send ${name} with an MQTT message expiry`);
  if (issuedAt !== undefined && expiresAt - issuedAt > config.ttl) return tooLong(config);
  if (expiryMs <= config.ttl) return undefined;
  return rejected('not_allowed', `${text}, and the MQTT message expiry of ${expiryMs} ms is longer than the allowed ${config.ttl} ms`);
}

function tooLong({ ttl }: CommandConfig): Untimely {
  return rejected('not_allowed', `it is valid for longer than the allowed ${ttl} ms`);
}

function rejected(reason: ResultReason, detail: string): Untimely {
  return { status: 'rejected', reason, detail };
}

/** A channel's latest value and the age of its last message. */
export interface ChannelValue {
  readonly value: unknown;
  readonly ageMs: number;
}

/** @returns the first unmet condition and the reason, or undefined if all conditions are met. */
export function unmetCondition(
  { when, fresh_within: freshWithinMs }: CommandConfig,
  latestValue: (channel: string) => ChannelValue | undefined,
): string | undefined {
  for (const condition of when) {
    const { channel, text } = condition;
    const latest = latestValue(channel);
    if (latest === undefined || latest.value === null || latest.value === undefined) return `${text}: ${channel} is unknown`;
    if (latest.ageMs > freshWithinMs) return `${text}: the last value of ${channel} is ${Math.round(latest.ageMs / 1000)} s old`;
    if (!holds(condition, latest.value)) return `${text}: ${channel} is ${String(latest.value).slice(0, 40)}`;
  }
  return undefined;
}
