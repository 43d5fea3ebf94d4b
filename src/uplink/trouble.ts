// Why there is no link, as the one problem of it that a person sees at a time.
import type { Logger } from 'pino';
import type { ProblemCode, Problems } from '../status/index.ts';
import type { Takeover } from './takeover.ts';

/** The problems of which one at a time is why there is no link. */
const LINK_PROBLEMS: readonly ProblemCode[] = [
  'broker_name_unknown',
  'broker_refused_connection',
  'broker_unreachable',
  'broker_hung_up',
  'broker_untrusted',
  'broker_name_mismatch',
  'broker_certificate_expired',
  'certificate_refused',
  'certificate_expired',
  'clock_wrong',
  'not_authorized',
  'client_id_refused',
  'client_id_taken',
  'mqtt_ended',
];

export class LinkTrouble {
  readonly #problems: Problems;
  readonly #log: Logger;

  constructor(problems: Problems, log: Logger) {
    this.#problems = problems;
    this.#log = log;
  }

  /** There is a link. @param isTaken another client seems to have this robot's name, and will end this connection too. */
  none(isTaken: boolean): void {
    this.#problems.clearOthers(LINK_PROBLEMS, isTaken ? 'client_id_taken' : undefined);
  }

  /** No connection came about. @param reason the code it is known by. */
  refused(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    this.#problems.clearOthers(LINK_PROBLEMS, cause);
    this.#problems.raise(cause, text);
    this.#log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  /** A connection that was up is over. */
  ended(lastedMs: number, reason: Error | undefined): void {
    this.#log.warn({ event: 'disconnected', lasted_ms: lastedMs, reason: reason?.message ?? 'closed' }, 'the connection ended');
    this.#problems.raise(
      'mqtt_ended',
      `the connection ended after ${Math.round(lastedMs / 1000)} s: ${reason?.message ?? 'closed by the broker'}`,
    );
  }

  /** Another client has this robot's name. */
  taken(thing: string, { told, waitMs }: Takeover, lastedMs: number): void {
    const how = told
      ? `the broker says that another client took over the connection of ${thing}, again and again`
      : `the broker closes the connections of ${thing} again and again soon after they came about, without a word, as it does when another client connects with this name`;
    this.#log.warn({ event: 'disconnected', lasted_ms: lastedMs, reported: told, next_ms: waitMs }, how);
    this.#problems.raise('client_id_taken', `${how}; tried again each ${waitMs / 60_000} min, and for an alert at once`);
  }
}
