// Waits between two connection attempts. A pending alert and a link that comes up end a wait early; nothing else does, so that a fleet that
// lost its broker does not return all at once.
import { wait } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';

/** A reason to connect before the backoff ends. */
export type Urgency = 'alert' | 'link';

/** Each urgency may cause one extra attempt in this time. */
const EXTRA_EVERY_MS = 10_000;

/** IoT Core accepts one CONNECT per second from a client id (docs.aws.amazon.com/general/latest/gr/iot-core.html). */
const SHORTEST_MS = 1_000;

export class ReconnectWait {
  readonly #clock: Pick<Clock, 'mono'>;
  readonly #lastExtraMs: Record<Urgency, number> = { alert: Number.NEGATIVE_INFINITY, link: Number.NEGATIVE_INFINITY };
  #begunMs = 0;
  #untilMs: number | null = null;
  #urgency: Urgency | undefined;
  /** Ends the present sleep, because {@link #untilMs} has changed or the wait is over. */
  #rouse: () => void = () => {};

  constructor(clock: Pick<Clock, 'mono'>) {
    this.#clock = clock;
  }

  /** Milliseconds until the next attempt; null outside a wait. */
  get leftMs(): number | null {
    return this.#untilMs === null ? null : Math.max(0, this.#untilMs - this.#clock.mono());
  }

  /** Whether an alert may still shorten the present wait. */
  get awaitsAlert(): boolean {
    return this.#untilMs !== null && this.#urgency !== 'alert';
  }

  /** Resolves after `ms`, earlier after {@link hurry} or {@link end}, or when the signal is aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#begunMs = this.#clock.mono();
    this.#untilMs = this.#begunMs + ms;
    this.#urgency = undefined;
    while (this.#untilMs > this.#clock.mono() && !signal.aborted) {
      const roused = new AbortController();
      this.#rouse = () => roused.abort();
      await wait(this.#untilMs - this.#clock.mono(), AbortSignal.any([signal, roused.signal]));
    }
    if (this.#urgency) this.mayTryExtra(this.#urgency);
    this.#untilMs = null;
  }

  /** Shortens the present wait as far as the limits of extra attempts permit. */
  hurry(urgency: Urgency): void {
    if (this.#untilMs === null) return;
    const nowMs = this.#clock.mono();
    const atMs = Math.max(nowMs, this.#begunMs + SHORTEST_MS, this.#lastExtraMs[urgency] + EXTRA_EVERY_MS);
    if (atMs >= this.#untilMs) return;
    this.#untilMs = atMs;
    this.#urgency = urgency;
    this.#rouse();
  }

  /** Whether this urgency may cause an extra attempt now. If so, the attempt counts. */
  mayTryExtra(urgency: Urgency): boolean {
    const nowMs = this.#clock.mono();
    if (nowMs - this.#lastExtraMs[urgency] < EXTRA_EVERY_MS) return false;
    this.#lastExtraMs[urgency] = nowMs;
    return true;
  }

  /** Ends the present wait at once. */
  end(): void {
    if (this.#untilMs === null) return;
    this.#untilMs = this.#clock.mono();
    this.#rouse();
  }
}
