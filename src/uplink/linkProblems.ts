// Raises and clears the problems that concern the link to the broker, of which at most one is raised at a time.
import type { Logger } from 'pino';
import type { ProblemCode, Problems } from '../status/index.ts';
import { CAUSES } from './causes.ts';
import { ConnectError, NO_ANSWER } from './session.ts';
import type { Takeover } from './takeover.ts';

const LINK_PROBLEMS: readonly ProblemCode[] = [...CAUSES, 'client_id_taken', 'mqtt_ended'];

export class LinkProblems {
  readonly #problems: Problems;
  readonly #log: Logger;

  constructor(problems: Problems, log: Logger) {
    this.#problems = problems;
    this.#log = log;
  }

  /**
   * Clears the problems that a new connection ends. A broker that accepts connections may still be silent, so `broker_silent` stays.
   * @param isTaken whether another client seems to use this robot's id; if so, `client_id_taken` stays raised.
   */
  clear(isTaken: boolean): void {
    const ended = LINK_PROBLEMS.filter((code) => code !== 'broker_silent');
    this.#problems.clearOthers(ended, isTaken ? 'client_id_taken' : undefined);
  }

  /** Must be called once the broker has answered all that a new connection sent. */
  answered(): void {
    this.#problems.clear('broker_silent');
  }

  reportFailure(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    this.#problems.clearOthers(LINK_PROBLEMS, cause);
    this.#problems.raise(cause, text);
    this.#log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  reportEnd(lastedMs: number, reason: Error | undefined, endpoint: string): void {
    if (reason instanceof ConnectError && reason.reason === NO_ANSWER) {
      this.reportFailure('broker_silent', NO_ANSWER, `${endpoint}: ${reason.message}`);
      return;
    }
    this.#log.warn({ event: 'disconnected', lasted_ms: lastedMs, reason: reason?.message ?? 'closed' }, 'the connection ended');
    this.#problems.raise(
      'mqtt_ended',
      `the connection ended after ${Math.round(lastedMs / 1000)} s: ${reason?.message ?? 'closed by the broker'}`,
    );
  }

  /** Raises `client_id_taken`. @returns `takeover` unchanged. */
  reportTakeover(thing: string, takeover: Takeover, lastedMs: number): Takeover {
    const { isReported, waitMs } = takeover;
    const text = isReported
      ? `the broker reports repeatedly that another client took over the connection of ${thing}`
      : `the broker repeatedly closes new connections of ${thing} without a reason, as it does when another client connects with this name`;
    this.#log.warn({ event: 'disconnected', lasted_ms: lastedMs, reported: isReported, next_ms: waitMs }, text);
    this.#problems.raise('client_id_taken', `${text}; the agent reconnects every ${waitMs / 60_000} min, and at once for an alert`);
    return takeover;
  }
}
