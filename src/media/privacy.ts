// Decides whether a camera may keep pictures now. Until the privacy topic says otherwise, privacy is on. Pure; time is a parameter.
import type { CameraConfig } from '../config/index.ts';

export class Privacy {
  readonly #hasTopic: boolean;
  readonly #allows: readonly string[];
  readonly #onBegin: () => void;
  #said: boolean | undefined;
  #openUntilMs = Number.NEGATIVE_INFINITY;

  /** @param onBegin is called when earlier pictures must be deleted. */
  constructor(
    { privacy_topic: topic, privacy_allows: allows }: Pick<CameraConfig, 'privacy_topic' | 'privacy_allows'>,
    onBegin: () => void,
  ) {
    this.#hasTopic = topic !== undefined;
    this.#allows = allows;
    this.#onBegin = onBegin;
  }

  /** Whether privacy is on. */
  get isOn(): boolean {
    return this.#hasTopic && this.#said !== false;
  }

  /** A message on the privacy topic. */
  get isKnown(): boolean {
    return !this.#hasTopic || this.#said !== undefined;
  }

  say(isOn: boolean): void {
    const begins = isOn && !this.isOn;
    this.#said = isOn;
    this.#openUntilMs = Number.NEGATIVE_INFINITY;
    if (begins) this.#onBegin();
  }

  /**
   * An alert or a person requests pictures for this time.
   * @param channel of the alert; undefined: no alert.
   * @returns false if privacy forbids it.
   */
  ask(channel: string | undefined, nowMs: number, forMs: number): boolean {
    if (!this.isOn) return true;
    if (channel === undefined || !this.#allows.includes(channel)) return false;
    this.#openUntilMs = Math.max(this.#openUntilMs, nowMs + forMs);
    return true;
  }

  /** Whether a picture of this moment may be kept. */
  mayKeep(nowMs: number): boolean {
    return !this.isOn || nowMs <= this.#openUntilMs;
  }
}
