// Judges the messages in which a diagnostics channel does not find its status. The caller passes in the time.
import type { ChannelConfig } from '../config/index.ts';
import type { MessageFault } from './faults.ts';
import { explainMissing } from './unusable.ts';

/** Each node publishes its diagnostics about once per second, and slow nodes every few seconds. */
const FOUND_WITHIN_MS = 30_000;

/** A node may start long after the agent, so without a similar name its status is awaited for longer. */
const STARTED_WITHIN_MS = 120_000;

export class Awaited {
  readonly #diagnostics: ChannelConfig['diagnostics'];
  #sinceMs: number | undefined;

  constructor({ diagnostics }: Pick<ChannelConfig, 'diagnostics'>) {
    this.#diagnostics = diagnostics;
  }

  /**
   * Another node's diagnostics are normal, but a status or key that never appears is probably misspelt.
   * @returns the fault of a message that lacks the status, if the status has not appeared in time.
   */
  missing(message: Readonly<Record<string, unknown>>, nowMs: number): MessageFault | undefined {
    this.#sinceMs ??= nowMs;
    const waitedMs = nowMs - this.#sinceMs;
    if (this.#diagnostics === undefined || waitedMs < FOUND_WITHIN_MS) return undefined;
    const unusable = explainMissing(this.#diagnostics, message);
    const isMisspelt = unusable.suggestion !== null;
    return isMisspelt || waitedMs >= STARTED_WITHIN_MS ? { explain: () => unusable, mayEnd: false } : undefined;
  }
}
