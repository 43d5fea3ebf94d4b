// Decides whether a camera may keep images. Privacy is on until the privacy topic reports otherwise. Pure; time is a parameter.
import type { CameraConfig } from '../config/index.ts';

export class Privacy {
  readonly #hasTopic: boolean;
  readonly #allows: readonly string[];
  readonly #onBegin: () => void;
  #reported: boolean | undefined;
  #openUntilMs = Number.NEGATIVE_INFINITY;

  /** @param onBegin has to delete the kept images. */
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

  /** Whether a message on the privacy topic has arrived, or the camera has no such topic. */
  get isKnown(): boolean {
    return !this.#hasTopic || this.#reported !== undefined;
  }

  /** Applies a message of the privacy topic. */
  report(isOn: boolean): void {
    const begins = isOn && !this.isOn;
    this.#reported = isOn;
    this.#openUntilMs = Number.NEGATIVE_INFINITY;
    if (begins) this.#onBegin();
  }

  /**
   * Requests images of the next `forMs`, for an alert or a person.
   * @param channel the channel of the alert; undefined if there is no alert.
   * @returns false if privacy forbids the images.
   */
  request(channel: string | undefined, nowMs: number, forMs: number): boolean {
    if (!this.isOn) return true;
    if (channel === undefined || !this.#allows.includes(channel)) return false;
    this.#openUntilMs = Math.max(this.#openUntilMs, nowMs + forMs);
    return true;
  }

  /** Whether an image of this moment may be kept. */
  mayKeep(nowMs: number): boolean {
    return !this.isOn || nowMs <= this.#openUntilMs;
  }
}
