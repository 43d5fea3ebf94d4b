// Tells which values of a flapping alert are news to the family: another person, or a stronger level. Pure.
import type { ChannelConfig } from '../config/index.ts';
import type { ReadingValue } from '../wire/index.ts';

/** So many texts are remembered. A forgotten one is news again, which the limit of such rows bounds. */
const MOST_TEXTS = 100;

export class Kinds {
  /** 1 if a higher number is worse, -1 if a lower one is, 0 if each value is a kind of its own. */
  readonly #direction: 1 | -1 | 0;
  #worst: number | undefined;
  readonly #texts = new Set<string>();

  constructor({ alert_when: when }: Pick<ChannelConfig, 'alert_when'>) {
    const { comparison } = when?.raise ?? {};
    this.#direction = comparison?.startsWith('>') ? 1 : comparison?.startsWith('<') ? -1 : 0;
  }

  /** Whether no value that was added is of this kind or worse. */
  isNew(value: ReadingValue): boolean {
    if (typeof value === 'boolean') return false;
    if (typeof value === 'number' && this.#direction !== 0) return this.#worst === undefined || this.isWorse(value, this.#worst);
    return !this.#texts.has(JSON.stringify(value));
  }

  /** Whether the value replaces another one if only one of them can be told. */
  isWorse(value: ReadingValue, other: ReadingValue): boolean {
    if (typeof value !== 'number' || typeof other !== 'number' || this.#direction === 0) return true;
    return value * this.#direction > other * this.#direction;
  }

  add(value: ReadingValue): void {
    if (typeof value === 'boolean') return;
    if (typeof value === 'number' && this.#direction !== 0) {
      if (this.#worst === undefined || this.isWorse(value, this.#worst)) this.#worst = value;
      return;
    }
    this.#texts.add(JSON.stringify(value));
    const [oldest] = this.#texts;
    if (this.#texts.size > MOST_TEXTS && oldest !== undefined) this.#texts.delete(oldest);
  }
}
