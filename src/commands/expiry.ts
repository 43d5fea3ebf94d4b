// Whether a command comes from now: by a clock that is trusted, or by the broker's own expiry where ours is not. Pure.
import { type CommandConfig, STOP } from '../config/index.ts';
import { type Command, EXPIRY_GRACE_MS, MAX_ISSUED_AHEAD_MS, type ResultReason, type ResultStatus } from '../wire/index.ts';

export interface ClockFacts {
  readonly wallMs: number;
  readonly trusted: boolean;
  /** When the present connection to the broker began, by the wall clock; undefined where there is none. */
  readonly connectedAtMs: number | undefined;
}

export interface NotNow {
  readonly status: Extract<ResultStatus, 'rejected' | 'expired'>;
  readonly reason?: ResultReason;
  readonly detail: string;
}

/** @param expiresAtBroker the message itself expires at the broker (MQTT 5), so its age is bounded without our clock. */
export function notNow(
  command: Command & { readonly expires_at: number },
  config: CommandConfig,
  expiresAtBroker: boolean,
  clock: ClockFacts,
): NotNow | undefined {
  if (!clock.trusted) return withoutClock(command.command, config, expiresAtBroker);
  const { wallMs, connectedAtMs } = clock;
  const { expires_at: expiresAt, issued_at: issuedAt } = command;
  if (wallMs > expiresAt + EXPIRY_GRACE_MS) return { status: 'expired', detail: `${wallMs - expiresAt} ms too late` };
  if (issuedAt !== undefined && issuedAt > wallMs + MAX_ISSUED_AHEAD_MS) {
    return rejected('clock_skew', `issued ${issuedAt - wallMs} ms in the robot's future`);
  }
  if (expiresAt - (issuedAt ?? wallMs) > config.ttl) return rejected('not_allowed', `valid for longer than the ${config.ttl} ms allowed`);
  const waited = connectedAtMs !== undefined && issuedAt !== undefined && issuedAt + EXPIRY_GRACE_MS < connectedAtMs;
  if (waited && !config.queue_offline) return rejected('not_allowed', 'issued before the robot was connected; queue_offline is not set');
  return undefined;
}

function withoutClock(name: string, { motion }: CommandConfig, expiresAtBroker: boolean): NotNow | undefined {
  if (motion) return rejected('clock_untrusted', `the robot does not know the time: until it does, of all motions only ${STOP} is taken`);
  if (expiresAtBroker) return undefined;
  return rejected('clock_untrusted', `the robot does not know the time; send ${name} with an MQTT message expiry`);
}

function rejected(reason: ResultReason, detail: string): NotNow {
  return { status: 'rejected', reason, detail };
}
