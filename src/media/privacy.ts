// Decides whether a camera may keep images. If there is a privacy topic, privacy is on until a message turns it off. No side effects; the
// caller passes in the time.
import type { CameraConfig } from '../config/index.ts';

export class Privacy {
  readonly #hasTopic: boolean;
  readonly #allows: readonly string[];
  readonly #onBegin: () => void;
  #reported: boolean | undefined;
  #openUntilMs = Number.NEGATIVE_INFINITY;

  /** @param onBegin is called when privacy begins, and must delete the kept images. */
  constructor(
    { privacy_topic: topic, privacy_allows: allows }: Pick<CameraConfig, 'privacy_topic' | 'privacy_allows'>,
    onBegin: () => void,
  ) {
    this.#hasTopic = topic !== undefined;
    this.#allows = allows;
    this.#onBegin = onBegin;
  }

  get isOn(): boolean {
    return this.#hasTopic && this.#reported !== false;
  }

  /** Whether the privacy state is known: a message has arrived on the privacy topic, or there is no such topic. */
  get isKnown(): boolean {
    return !this.#hasTopic || this.#reported !== undefined;
  }

  /** Applies a message from the privacy topic. */
  report(isOn: boolean): void {
    const begins = isOn && !this.isOn;
    this.#reported = isOn;
    this.#openUntilMs = Number.NEGATIVE_INFINITY;
    if (begins) this.#onBegin();
  }

  /**
   * Asks for permission to keep the images of the next `forMs` milliseconds.
   * @param channel the alert's channel. Undefined if someone or a schedule asked for an image.
   * @returns false if privacy forbids the images.
   */
  request(channel: string | undefined, nowMs: number, forMs: number): boolean {
    if (!this.isOn) return true;
    if (channel === undefined || !this.#allows.includes(channel)) return false;
    this.#openUntilMs = Math.max(this.#openUntilMs, nowMs + forMs);
    return true;
  }

  /** Whether an image that arrives now may be kept. */
  mayKeep(nowMs: number): boolean {
    return !this.isOn || nowMs <= this.#openUntilMs;
  }
}
