// Raises and clears the problems that concern the link to the broker, of which at most one is raised at a time.
import { codeOf } from '../base/index.ts';
import type { ProblemCode } from '../status/index.ts';
import { CAUSES } from './causes.ts';
import { ConnectError, NO_ANSWER } from './connectError.ts';
import type { UplinkOptions } from './options.ts';
import { CALM_MS, type Takeover, TakeoverWatch } from './takeover.ts';

const LINK_PROBLEMS: readonly ProblemCode[] = [...CAUSES, 'client_id_taken', 'mqtt_ended'];

/** A connection that lasts this much longer than the deadlines of SUBACK and PUBACK had all its first requests answered. */
const ANSWERED_AFTER_MS = 100;

type LinkProblemsOptions = Pick<
  UplinkOptions,
  'thing' | 'clock' | 'problems' | 'log' | 'keepaliveMs' | 'ackTimeoutMs' | 'connectTimeoutMs'
>;

export class LinkProblems {
  readonly #options: LinkProblemsOptions;
  readonly #takeovers: TakeoverWatch;

  constructor(options: LinkProblemsOptions) {
    this.#options = options;
    this.#takeovers = new TakeoverWatch(options.keepaliveMs);
  }

  /**
   * Clears the problems that a new connection ends, and later those that a lasting connection ends: a broker that accepts connections may
   * still be silent, and another client may still use this robot's name.
   * @returns a function to call when the connection has ended.
   */
  connected(): () => void {
    const { problems, ackTimeoutMs, connectTimeoutMs } = this.#options;
    const ended = LINK_PROBLEMS.filter((code) => code !== 'broker_silent');
    problems.clearOthers(ended, this.#takeovers.isTaken ? 'client_id_taken' : undefined);
    const answered = setTimeout(
      () => problems.clear('broker_silent'),
      Math.max(ackTimeoutMs, connectTimeoutMs) + ANSWERED_AFTER_MS,
    ).unref();
    const calm = setTimeout(() => {
      this.#takeovers.reset();
      problems.clear('client_id_taken');
    }, CALM_MS).unref();
    return () => {
      clearTimeout(answered);
      clearTimeout(calm);
    };
  }

  /** Reports a failed attempt. @returns the takeover, if another client with this name is its likely cause. */
  notConnected(cause: ProblemCode, reason: string | number | undefined, text: string): Takeover | undefined {
    const takeover = this.#takeovers.refused(this.#options.clock.mono(), cause);
    if (takeover) this.#reportTakeover(takeover, 0);
    else this.#raise(cause, reason, text);
    return takeover;
  }

  /** Reports the end of a connection. @returns the takeover, if another client with this name is its likely cause. */
  ended(lastedMs: number, reason: Error | undefined, endpoint: string): Takeover | undefined {
    const code = reason instanceof ConnectError ? reason.reason : reason && (codeOf(reason) ?? reason.name);
    const takeover = this.#takeovers.ended(this.#options.clock.mono(), lastedMs, code);
    if (takeover) {
      this.#reportTakeover(takeover, lastedMs);
      return takeover;
    }
    const text = reason?.message ?? 'closed by the broker';
    this.#options.log.warn({ event: 'disconnected', lasted_ms: lastedMs, reason: text }, 'the connection ended');
    if (code === NO_ANSWER) this.#raise('broker_silent', code, `${endpoint}: ${text}`);
    else this.#options.problems.raise('mqtt_ended', `the connection ended after ${Math.round(lastedMs / 1000)} s: ${text}`);
    return undefined;
  }

  #raise(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    const { problems, log } = this.#options;
    problems.clearOthers(LINK_PROBLEMS, cause);
    problems.raise(cause, text);
    log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  #reportTakeover({ isReported, waitMs }: Takeover, lastedMs: number): void {
    const { thing, problems, log } = this.#options;
    const text = isReported
      ? `the broker reports repeatedly that another client took over the connection of ${thing}`
      : `the broker repeatedly closes new connections of ${thing} without a reason, as it does when another client connects with this name`;
    log.warn({ event: 'disconnected', lasted_ms: lastedMs, reported: isReported, next_ms: waitMs }, text);
    problems.raise('client_id_taken', `${text}; the agent reconnects every ${waitMs / 60_000} min, and at once for an alert`);
  }
}
