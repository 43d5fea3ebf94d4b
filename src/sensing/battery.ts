// Reads the charge of a battery from sensor_msgs/BatteryState in percent. By definition `percentage` is 0 to 1, but some robots publish 0
// to 100, some only a voltage, and some a 0.0 that means nothing. A full battery must not look empty, or an empty one full.
import { type ChannelConfig, DEFINED_SCALE, readingOf } from '../config/index.ts';
import type { Unusable } from './unusable.ts';

type Message = Readonly<Record<string, unknown>>;

/** A full battery may be a little above 1, because its capacity is an estimate. Above this limit the range must be 0 to 100. */
const MOST_SHARE = 1.2;
const MOST_PERCENT = 100 * MOST_SHARE;

/** So many values above MOST_SHARE in a row show that a value below it is percent too. A single one may be a glitch. */
const PERCENT_VALUES = 3;

/** A percentage from 0 to 100 does not fall from above NEARLY_EMPTY_PERCENT below EMPTY_PERCENT at once. */
const NEARLY_EMPTY_PERCENT = 20;
const EMPTY_PERCENT = 2;

/** From this share on, a voltage tells half full from nearly empty. Its charge is then below EMPTY_VOLTAGE_PERCENT. */
const TELLING_SHARE = 0.3;
const EMPTY_VOLTAGE_PERCENT = 10;

/** A voltage that is further than this from the configured range, as a factor, is in another unit or of another battery. */
const MOST_VOLTAGE_FACTOR = 1.5;

/** Topics on which the percentage is known to be 0 to 100. The agent keeps them over restarts. */
export type PercentTopics = Pick<Set<string>, 'has' | 'add'>;

interface Reading {
  /** NaN if the message does not say how full the battery is. */
  readonly percent: number;
  /** A phrase such as `percentage 0.87 is 87 %`, or why the message cannot be used. */
  readonly text: string;
}

export class BatteryReader {
  readonly #config: Pick<ChannelConfig, 'topic' | 'full' | 'empty'>;
  readonly #percentTopics: PercentTopics;
  #valuesInPercent = 0;
  /** The range of values up to MOST_SHARE by the first voltage. */
  #shown: { readonly isPercent: boolean; readonly text: string } | undefined;
  #lastPercent: number | undefined;
  #last: Reading | undefined;

  constructor(config: Pick<ChannelConfig, 'topic' | 'full' | 'empty'>, percentTopics: PercentTopics) {
    this.#config = config;
    this.#percentTopics = percentTopics;
  }

  /** @returns the charge in percent; NaN if the message does not say it; undefined if it has no percentage. */
  read(message: Message): number | undefined {
    const { percentage, voltage } = message;
    if (typeof percentage !== 'number') return undefined;
    const volts = typeof voltage === 'number' && Number.isFinite(voltage) && voltage > 0 ? readingOf(voltage, 1) : undefined;
    this.#last = this.#readingOf(percentage, volts);
    if (!Number.isNaN(this.#last.percent)) this.#lastPercent = this.#last.percent;
    return this.#last.percent;
  }

  /** Says how the last message was read. */
  get description(): string {
    return this.#last?.text ?? 'decides with the first message';
  }

  /** @returns why the last message cannot be used; undefined if it can. */
  get unusable(): Unusable | undefined {
    if (this.#last === undefined || !Number.isNaN(this.#last.percent)) return undefined;
    return { reason: this.#last.text, raw: null, suggestion: null };
  }

  #readingOf(percentage: number, volts: number | undefined): Reading {
    const value = readingOf(percentage, 1);
    const shown = `percentage ${value}`;
    if (!Number.isFinite(value) || value < 0) return this.#byVoltage(`${shown} is not a charge`, volts);
    if (value > MOST_PERCENT) return { percent: Number.NaN, text: `${shown} is above 100 %` };
    this.#valuesInPercent = value > MOST_SHARE ? this.#valuesInPercent + 1 : 0;
    const { topic } = this.#config;
    if (this.#valuesInPercent === PERCENT_VALUES) this.#percentTopics.add(topic);
    if (value > 0 && value <= MOST_SHARE && !this.#percentTopics.has(topic)) return this.#assumed(value, volts);
    const last = this.#lastPercent;
    if (value === 0 && last === undefined) return this.#byVoltage(`${shown} perhaps means that no charge was measured`, volts);
    if (value < EMPTY_PERCENT && last !== undefined && last > NEARLY_EMPTY_PERCENT)
      return this.#byVoltage(`${shown} follows ${last} %, which no battery loses at once`, volts);
    const why = value > MOST_SHARE ? '' : ', because there were higher values';
    return { percent: Math.min(value, 100), text: `${shown} is ${Math.min(value, 100)} %: the range is 0 to 100${why}` };
  }

  /**
   * Values up to 1.2 have the range of the definition, unless the voltage says that the battery is empty. The first voltage decides,
   * because later a charger raises it, or a load lowers it.
   */
  #assumed(value: number, volts: number | undefined): Reading {
    const charge = volts === undefined ? undefined : this.#chargeOf(volts);
    if (charge !== undefined && value >= TELLING_SHARE)
      this.#shown ??= { isPercent: charge < EMPTY_VOLTAGE_PERCENT, text: `the first voltage, ${volts} V, is ${charge} %` };
    const percent = this.#shown?.isPercent ? value : Math.min(readingOf(value, DEFINED_SCALE), 100);
    const range = this.#shown?.isPercent ? '0 to 100' : '0 to 1';
    const why = this.#shown?.text ?? 'no higher value has been seen';
    return { percent, text: `percentage ${value} is ${percent} %: the range is ${range}, because ${why}` };
  }

  /** @param why the percentage cannot be used, as a clause. */
  #byVoltage(why: string, volts: number | undefined): Reading {
    const { full, empty } = this.#config;
    if (volts === undefined) return { percent: Number.NaN, text: `${why}, and the message has no voltage` };
    if (full === undefined || empty === undefined) {
      const text = `${why}; to use the voltage of ${volts} V, set full and empty to the volts of the full and of the empty battery`;
      return { percent: Number.NaN, text };
    }
    const charge = this.#chargeOf(volts);
    const range = `empty: ${empty} and full: ${full}`;
    if (charge === undefined) return { percent: Number.NaN, text: `${why}, and a voltage of ${volts} V is far outside ${range}` };
    return { percent: charge, text: `voltage ${volts} is ${charge} % between ${range}; ${why}` };
  }

  /** @returns the charge in percent, to a tenth, if it were proportional to the voltage. Undefined if the limits do not fit the voltage. */
  #chargeOf(volts: number): number | undefined {
    const { full, empty } = this.#config;
    if (full === undefined || empty === undefined) return undefined;
    if (volts > full * MOST_VOLTAGE_FACTOR || volts < empty / MOST_VOLTAGE_FACTOR) return undefined;
    const share = Math.min(Math.max((volts - empty) / (full - empty), 0), 1);
    return Math.round(share * 1_000) / 10;
  }
}
