// Checks whether a command is current: by the robot's clock if it is trusted, else by the broker's expiry. Pure.
import { type CommandConfig, STOP } from '../config/index.ts';
import { type Command, EXPIRY_GRACE_MS, MAX_ISSUED_AHEAD_MS, type ResultReason, type ResultStatus } from '../wire/index.ts';

export interface ClockFacts {
  readonly wallMs: number;
  readonly trusted: boolean;
  /** Wall time at which the current connection to the broker began; undefined without a connection. */
  readonly connectedAtMs: number | undefined;
}

export interface Untimely {
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason?: ResultReason;
  readonly detail: string;
}

/** @param expiresAtBroker the message has an MQTT 5 expiry, so the broker bounds its age. @returns undefined if the command is current */
export function checkTime(
  command: Command & { readonly expires_at: number },
  config: CommandConfig,
  expiresAtBroker: boolean,
  clock: ClockFacts,
): Untimely | undefined {
  if (!clock.trusted) return withoutClock(command.command, config, expiresAtBroker);
  const { wallMs, connectedAtMs } = clock;
  const { expires_at: expiresAt, issued_at: issuedAt } = command;
  if (wallMs > expiresAt + EXPIRY_GRACE_MS) return { status: 'expired', detail: `it arrived ${wallMs - expiresAt} ms after its expiry` };
  if (issuedAt !== undefined && issuedAt > wallMs + MAX_ISSUED_AHEAD_MS) {
    return rejected('clock_skew', `issued ${issuedAt - wallMs} ms in the robot's future`);
  }
  if (expiresAt - (issuedAt ?? wallMs) > config.ttl)
    return rejected('not_allowed', `it is valid for longer than the allowed ${config.ttl} ms`);
  const waited = connectedAtMs !== undefined && issuedAt !== undefined && issuedAt + EXPIRY_GRACE_MS < connectedAtMs;
  if (waited && !config.queue_offline)
    return rejected('not_allowed', 'it was issued before the robot connected, and queue_offline is not set');
  return undefined;
}

function withoutClock(name: string, { motion }: CommandConfig, expiresAtBroker: boolean): Untimely | undefined {
  if (motion)
    return rejected('clock_untrusted', `the robot does not know the time; until then ${STOP} is the only motion command that it accepts`);
  if (expiresAtBroker) return undefined;
  return rejected('clock_untrusted', `the robot does not know the time; send ${name} with an MQTT message expiry`);
}

function rejected(reason: ResultReason, detail: string): Untimely {
  return { status: 'rejected', reason, detail };
}
