// Whether a camera may keep anything now. As long as nobody has said that there is no privacy, there is. Pure; time comes in.
import type { CameraConfig } from '../config/index.ts';

export class Privacy {
  readonly #hasTopic: boolean;
  readonly #allows: readonly string[];
  readonly #onBegin: () => void;
  #said: boolean | undefined;
  #openUntilMs = Number.NEGATIVE_INFINITY;

  /** @param onBegin what was kept before has to be forgotten. */
  constructor(
    { privacy_topic: topic, privacy_allows: allows }: Pick<CameraConfig, 'privacy_topic' | 'privacy_allows'>,
    onBegin: () => void,
  ) {
    this.#hasTopic = topic !== undefined;
    this.#allows = allows;
    this.#onBegin = onBegin;
  }

  /** Whether there is privacy. */
  get isOn(): boolean {
    return this.#hasTopic && this.#said !== false;
  }

  /** Somebody said whether there is. */
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
   * An alert, or a person, wants pictures for so long.
   * @param channel undefined: no alert.
   * @returns false where privacy forbids it.
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
