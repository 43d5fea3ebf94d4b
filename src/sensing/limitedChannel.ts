// A channel whose alerts are limited while they flap. It has the methods of the channel that return rows, and the same rules of time.
import type { ChannelConfig } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import { SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import { Channel, type ChannelOptions } from './channel.ts';
import { Flap } from './flapping.ts';
import { Kinds } from './kinds.ts';

type Message = Readonly<Record<string, unknown>>;

export interface FlappingAlert {
  /** The channel of the alert, such as `gas` or `gas_silent`. */
  readonly channel: string;
  readonly perMinute: number;
}

const NONE: readonly FlappingAlert[] = [];

export class LimitedChannel {
  readonly channel: Channel;
  readonly #flaps: ReadonlyMap<string, Flap>;
  readonly #all: readonly Flap[];

  constructor(name: string, config: ChannelConfig, options: ChannelOptions = {}) {
    const { standing, startMs = 0 } = options;
    this.channel = new Channel(name, config, options);
    const flapOf = (alert: string) => {
      const kinds = () => new Kinds(config);
      const isEachReported = alert === name && config.report.on === 'message';
      return new Flap(alert, { most: config.alerts_per_minute, kinds, isEachReported, standing: standing?.get(alert), startMs });
    };
    this.#flaps = new Map(['', SILENT_SUFFIX, UNUSABLE_SUFFIX].map((suffix) => [name + suffix, flapOf(name + suffix)]));
    this.#all = [...this.#flaps.values()];
  }

  /** See {@link Channel.accept}. */
  accept(message: Message, nowMs: number): readonly NewRow[] {
    return this.#limited(this.channel.accept(message, nowMs), nowMs);
  }

  /** See {@link Channel.acceptLate}. */
  acceptLate(message: Message, nowMs: number): readonly NewRow[] {
    return this.#limited(this.channel.acceptLate(message, nowMs), nowMs);
  }

  /** See {@link Channel.reject}. */
  reject(reason: string, nowMs: number): readonly NewRow[] {
    return this.#limited(this.channel.reject(reason, nowMs), nowMs);
  }

  /** See {@link Channel.dueMs}. */
  get dueMs(): number | undefined {
    let due = this.channel.dueMs;
    for (const { dueMs } of this.#all) if (dueMs !== undefined && (due === undefined || dueMs < due)) due = dueMs;
    return due;
  }

  /** See {@link Channel.elapse}. */
  elapse(nowMs: number): readonly NewRow[] {
    const rows = this.#limited(this.channel.elapse(nowMs), nowMs);
    return [...rows, ...this.#all.flatMap((flap) => flap.elapse(nowMs))];
  }

  /** See {@link Channel.end}. An alert that is held tells the cloud its last state. */
  end(nowMs: number): readonly NewRow[] {
    const rows = this.#limited(this.channel.end(nowMs), nowMs);
    return [...rows, ...this.#all.flatMap((flap) => flap.end(nowMs))];
  }

  /** The alerts that flap now. */
  get flapping(): readonly FlappingAlert[] {
    if (this.#all.every(({ perMinute }) => perMinute === undefined)) return NONE;
    return [...this.#flaps].flatMap(([channel, { perMinute }]) => (perMinute === undefined ? [] : [{ channel, perMinute }]));
  }

  #limited(rows: readonly NewRow[], nowMs: number): readonly NewRow[] {
    if (rows.length === 0) return rows;
    return rows.flatMap((row): readonly NewRow[] => {
      const flap = row.class === 'alert' ? this.#flaps.get(row.channel) : undefined;
      return row.class === 'alert' && flap ? flap.offer(row, nowMs) : [row];
    });
  }
}
