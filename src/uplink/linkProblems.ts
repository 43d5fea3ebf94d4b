// Raises and clears the problems that concern the link to the broker, of which at most one is raised at a time.
import type { Logger } from 'pino';
import type { ProblemCode, Problems } from '../status/index.ts';
import { CAUSES } from './causes.ts';
import type { Takeover } from './takeover.ts';

const LINK_PROBLEMS: readonly ProblemCode[] = [...CAUSES, 'client_id_taken', 'mqtt_ended'];

export class LinkProblems {
  readonly #problems: Problems;
  readonly #log: Logger;

  constructor(problems: Problems, log: Logger) {
    this.#problems = problems;
    this.#log = log;
  }

  /** Clears the problems. @param isTaken whether another client seems to use this robot's id; if so, `client_id_taken` stays raised. */
  clear(isTaken: boolean): void {
    this.#problems.clearOthers(LINK_PROBLEMS, isTaken ? 'client_id_taken' : undefined);
  }

  reportFailure(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    this.#problems.clearOthers(LINK_PROBLEMS, cause);
    this.#problems.raise(cause, text);
    this.#log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  reportEnd(lastedMs: number, reason: Error | undefined): void {
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
