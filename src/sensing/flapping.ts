// Limits the alert rows of a channel that raises and clears its alert over and over. While it flaps, its alert stays raised for the cloud,
// and a summary a minute counts the changes. So a flapping channel cannot fill the outbox, and the cloud never believes that a danger has
// ended while it may stand. The caller passes in the time and must call `elapse` at `dueMs`.
import type { NewRow } from '../outbox/index.ts';
import type { Flapping, ReadingExtra } from '../wire/index.ts';
import type { Kinds } from './kinds.ts';

export type AlertRow = Extract<NewRow, { readonly channel: string }>;

const MINUTE_MS = 60_000;

const NO_ROWS: readonly AlertRow[] = [];

export interface FlapOptions {
  /** The alert may be raised so many times a minute before it is held. */
  readonly most: number;
  readonly kinds: () => Kinds;
  /** Whether each message is a reading, so that a change which a summary stands for is telemetry. */
  readonly isEachReported: boolean;
  /** The extra fields of the channel's last alert row before this run. */
  readonly standing: ReadingExtra | undefined;
  readonly startMs: number;
}

/** The alert that stays raised while the channel flaps. */
interface Held {
  readonly incident: string | undefined;
  readonly sinceMs: number;
  readonly kinds: Kinds;
  /** How often it was raised again and cleared meanwhile. */
  raised: number;
  cleared: number;
  /** Occurrences of the event in the cleared alerts; undefined if the channel reports no events. */
  occurrences: number | undefined;
  /** The last row that raised it, whose value a summary repeats. */
  raise: AlertRow;
  /** A row whose value is of a kind that the cloud does not know yet, because there were too many kinds. */
  unknown: AlertRow | undefined;
  reportedMs: number;
  isReported: boolean;
}

export class Flap {
  readonly #options: FlapOptions;
  /** Times of the latest raisings, at most {@link FlapOptions.most}, in a ring. */
  readonly #raises: number[] = [];
  /** The number of raisings since the start. */
  #count = 0;
  /** Times of the latest rows about another kind. */
  #handovers: readonly number[] = [];
  #isRaised: boolean;
  #held: Held | undefined;
  #cleared: AlertRow | undefined;
  /** The cloud's incident of the alert that stands now, if the alert was raised while it was held. */
  #incident: string | undefined;
  /** How often a minute the alert was raised, as of the last report. */
  #perMinute: number | undefined;

  /** @param channel the channel of the rows. */
  constructor(channel: string, options: FlapOptions) {
    const { standing, startMs, most, kinds } = options;
    this.#options = options;
    this.#isRaised = standing?.alert === 'raised';
    const { flapping, incident } = standing ?? {};
    if (!this.#isRaised || flapping === undefined) return;
    for (let n = 0; n < most; n++) this.#note(startMs);
    const raise: AlertRow = {
      class: 'alert',
      channel,
      value: null,
      extra: { alert: 'raised', ...(incident === undefined ? {} : { incident }) },
    };
    this.#held = { ...this.#hold(raise, startMs - flapping.ms, kinds()), ...flapping, reportedMs: startMs };
    this.#perMinute = rateOf(flapping);
  }

  /** How often a minute the channel raises its alert, as of the last report; undefined unless it flaps. */
  get perMinute(): number | undefined {
    return this.#held && this.#perMinute;
  }

  /** @returns the rows to write in place of a row that raises or clears the alert. */
  offer(row: AlertRow, nowMs: number): readonly AlertRow[] {
    const due = this.elapse(nowMs);
    const rows = row.extra?.alert === 'raised' ? this.#raise(row, nowMs) : this.#clear(row);
    return due.length === 0 ? rows : [...due, ...rows];
  }

  /** When the caller must call `elapse` if no row comes first. */
  get dueMs(): number | undefined {
    if (this.#held === undefined) return undefined;
    return this.#held.isReported ? this.#calmMs : Math.min(this.#calmMs, this.#held.reportedMs + MINUTE_MS);
  }

  /** @returns the summary that is due, or the end of the alert that was held. */
  elapse(nowMs: number): readonly AlertRow[] {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return NO_ROWS;
    return nowMs >= this.#calmMs ? this.end(nowMs) : this.#report(nowMs);
  }

  /** Ends the limit. @returns the row that tells the cloud the last state. */
  end(nowMs: number): readonly AlertRow[] {
    if (this.#held === undefined) return NO_ROWS;
    const isUntold = this.#held.unknown !== undefined || (this.#isRaised && !this.#held.isReported);
    const told = isUntold ? this.#report(nowMs) : NO_ROWS;
    // A report may have begun another alert.
    const held = this.#held;
    this.#incident = this.#isRaised ? held.incident : undefined;
    this.#held = undefined;
    this.#perMinute = undefined;
    return this.#isRaised ? told : [...told, this.#clearedRow(held, nowMs)];
  }

  #raise(row: AlertRow, nowMs: number): readonly AlertRow[] {
    const { most, kinds } = this.#options;
    const first = this.#before(most);
    this.#note(nowMs);
    this.#isRaised = true;
    const held = this.#held;
    if (held === undefined) {
      this.#incident = undefined;
      if (first === undefined || nowMs - first >= MINUTE_MS) return [row];
      this.#held = this.#hold(row, nowMs, kinds());
      this.#perMinute = most + 1;
      return [withCounts(row, this.#held, nowMs)];
    }
    if (held.kinds.isNew(row.value)) {
      this.#handovers = this.#handovers.filter((ms) => nowMs - ms < MINUTE_MS);
      const news = held.unknown && !held.kinds.isWorse(row.value, held.unknown.value) ? held.unknown : row;
      // A row that waited is among those that were raised again, and this row takes its place there.
      if (this.#handovers.length < most) return this.#handOver(held, news, nowMs);
      held.unknown = news;
    }
    held.raised++;
    held.raise = row;
    held.isReported = false;
    return this.#reading(row);
  }

  #clear(row: AlertRow): readonly AlertRow[] {
    const held = this.#held;
    this.#isRaised = false;
    this.#cleared = row;
    if (held === undefined) {
      const incident = this.#incident;
      this.#incident = undefined;
      return [incident === undefined ? row : { ...row, extra: { ...row.extra, incident } }];
    }
    held.cleared++;
    held.isReported = false;
    const { occurrences } = row.extra ?? {};
    if (occurrences !== undefined) held.occurrences = (held.occurrences ?? 0) + occurrences;
    return this.#reading(row);
  }

  /** @returns the telemetry in place of a row that is part of a summary. */
  #reading({ channel, value, extra }: AlertRow): readonly AlertRow[] {
    if (!this.#options.isEachReported) return NO_ROWS;
    const { alert: _, incident: __, occurrences: ___, ...rest } = extra ?? {};
    return [{ class: 'telemetry', channel, value, extra: rest }];
  }

  #hold(raise: AlertRow, sinceMs: number, kinds: Kinds): Held {
    kinds.add(raise.value);
    return {
      incident: raise.extra?.incident,
      sinceMs,
      kinds,
      raised: 0,
      cleared: 0,
      occurrences: undefined,
      raise,
      unknown: undefined,
      reportedMs: sinceMs,
      isReported: true,
    };
  }

  /** The cloud knows one alert of a channel at a time, so the held one ends in the moment in which the other one begins. */
  #handOver(held: Held, row: AlertRow, nowMs: number): readonly AlertRow[] {
    this.#handovers = [...this.#handovers, nowMs];
    const ended = this.#clearedRow(held, nowMs);
    this.#held = this.#hold(row, nowMs, held.kinds);
    const { unknown, reportedMs } = held;
    if (unknown !== undefined && held.kinds.isNew(unknown.value)) Object.assign(this.#held, { unknown, reportedMs, isReported: false });
    return [ended, withCounts(row, this.#held, nowMs)];
  }

  #report(nowMs: number): readonly AlertRow[] {
    const held = this.#held;
    if (held === undefined) return NO_ROWS;
    this.#perMinute = rateOf({ raised: held.raised, ms: nowMs - held.sinceMs });
    if (held.unknown !== undefined) {
      held.raised--;
      return this.#handOver(held, held.unknown, nowMs);
    }
    held.reportedMs = nowMs;
    held.isReported = true;
    const { incident: _, ...extra } = held.raise.extra ?? {};
    return [withCounts({ ...held.raise, extra: { ...extra, ...named(held) } }, held, nowMs)];
  }

  #clearedRow(held: Held, nowMs: number): AlertRow {
    const { raise, occurrences } = held;
    const { value, extra } = this.#cleared ?? { ...raise, value: null, extra: {} };
    const { incident: _, occurrences: __, ...rest } = extra ?? {};
    const counted = occurrences === undefined ? {} : { occurrences };
    return withCounts({ ...raise, value, extra: { ...rest, alert: 'cleared', ...named(held), ...counted } }, held, nowMs);
  }

  /** When the channel no longer flaps: it was raised at most half as often as it may be within a minute. */
  get #calmMs(): number {
    return (this.#before(1 + Math.floor(this.#options.most / 2)) ?? Number.NEGATIVE_INFINITY) + MINUTE_MS;
  }

  #note(nowMs: number): void {
    this.#raises[this.#count % this.#options.most] = nowMs;
    this.#count++;
  }

  /** @returns the time of the nth last raising; undefined if there were fewer. */
  #before(n: number): number | undefined {
    const { most } = this.#options;
    return n > this.#count ? undefined : this.#raises[(this.#count - n) % most];
  }
}

function named({ incident }: Held): Pick<ReadingExtra, 'incident'> {
  return incident === undefined ? {} : { incident };
}

function withCounts(row: AlertRow, { raised, cleared, sinceMs }: Held, nowMs: number): AlertRow {
  return { ...row, extra: { ...row.extra, flapping: { raised, cleared, ms: Math.max(0, Math.round(nowMs - sinceMs)) } } };
}

function rateOf({ raised, ms }: Pick<Flapping, 'raised' | 'ms'>): number {
  return Math.round((raised * MINUTE_MS) / Math.max(ms, 1_000));
}
