// Decides when the reflex announces: an alert stands, and no receipt has covered its row in time. The rules are in docs/guide/reflex.md.
// Pure: the caller passes in the time, the rows and the answers to its questions. Time is the monotonic time of this run.
import type { ReflexConfig } from '../../config/index.ts';
import type { AlertRow, RowName } from '../../outbox/index.ts';

/** The time between two announcements, so that several alerts in a row do not talk over each other. A repetition waits longer anyway. */
const GAP_MS = 60_000;

/** A detector that raises one alert after another must not wear out the person whom it is there to help. */
const MOST_PER_HOUR = 12;
const HOUR_MS = 3_600_000;

/**
 * An alert of an earlier run is not announced before this run has lasted this long, or `after` if that is shorter: its age may be hours, and
 * the agent has had no time to reach the cloud. Half of the default of `mqtt.connect_timeout`.
 */
const GRACE_MS = 10_000;

interface Followed {
  readonly channel: string;
  readonly incident: string;
  /** When the alert was raised. Negative if that was before this run. */
  readonly sinceMs: number;
  readonly isEarlier: boolean;
  row: RowName | undefined;
  isAnnounced: boolean;
  /** Whether a message has shown that the alert ended. */
  isOver: boolean;
}

/** An announced alert whose confirmation is missing. It is stored, so that a restart neither repeats nor forgets it. */
export interface Announced {
  readonly channel: string;
  readonly incident: string;
  readonly row: RowName | null;
}

export interface Facts {
  readonly nowMs: number;
  readonly config: Pick<ReflexConfig, 'after' | 'repeat' | 'repeat_limit'>;
  /** Whether an alert of this channel counts. */
  readonly isWatched: (channel: string) => boolean;
  /** Whether a receipt covers the row. */
  readonly isDelivered: (row: RowName) => boolean;
}

/** `confirmed`: a receipt covered an announced alert, and no other one stands. `cleared`: all announced alerts ended without a receipt. */
export type Step = 'announce' | 'confirmed' | 'cleared';

export class ReflexDecision {
  readonly #alerts = new Map<string, Followed>();
  /** Announcements of the last hour. */
  #times: number[] = [];
  #lastMs: number | undefined;
  #repeats = 0;
  #isConfirmed = false;

  /** @param rows new alert rows in their order. A row may come again, first without its name. @param wallMs the wall time at `nowMs`. */
  follow(rows: readonly AlertRow[], nowMs: number, wallMs: number): void {
    for (const { name, channel, extra, at, mono } of rows) {
      const { alert, incident = '', occurrences } = extra;
      const key = `${channel}/${incident}`;
      const known = this.#alerts.get(key);
      if (alert === 'raised' && known) known.row ??= name;
      else if (alert === 'raised') {
        // The wall clock counts the time without the agent. If it was set back meanwhile, the alert counts from the start of this run.
        const sinceMs = mono ?? Math.min(0, nowMs - (wallMs - at));
        const isEarlier = mono === undefined;
        this.#alerts.set(key, { channel, incident, sinceMs, isEarlier, row: name, isAnnounced: false, isOver: false });
      } else if (alert === 'cleared' && known && occurrences === undefined) {
        // A clear with occurrences only means that clear_after has passed: no message says that the person is well.
        if (known.isAnnounced) known.isOver = true;
        else this.#alerts.delete(key);
      }
    }
  }

  /**
   * Continues the announcement of an earlier run. Call it before the first {@link follow}.
   * @param lastMs when the last announcement was. Negative if that was before this run.
   */
  restore(announced: readonly Announced[], repeats: number, lastMs: number): void {
    for (const { channel, incident, row } of announced) {
      const alert = { channel, incident, sinceMs: lastMs, isEarlier: true, row: row ?? undefined, isAnnounced: true, isOver: false };
      this.#alerts.set(`${channel}/${incident}`, alert);
    }
    this.#repeats = repeats;
    this.#lastMs = lastMs;
    this.#times = [lastMs];
  }

  /** @returns the step that is due now. The caller must call {@link announced} once it has published. */
  step({ nowMs, config, isWatched, isDelivered }: Facts): Step | undefined {
    const wasFired = this.#announced.length > 0;
    for (const [key, { row, isAnnounced }] of this.#alerts) {
      if (row === undefined || !isDelivered(row)) continue;
      this.#isConfirmed ||= isAnnounced;
      this.#alerts.delete(key);
    }
    const standing = this.#announced.filter(({ isOver }) => !isOver);
    if (wasFired && standing.length === 0) return this.#end();
    const isDue = [...this.#alerts.values()].some(
      (alert) => !alert.isAnnounced && isWatched(alert.channel) && nowMs >= dueMs(alert, config),
    );
    return this.#mayAnnounce(nowMs) && (isDue || (standing.length > 0 && this.#isRepeatDue(nowMs, config))) ? 'announce' : undefined;
  }

  /** Records an announcement. It covers every watched alert that waits at this time: the person needs it once. */
  announced(nowMs: number, isWatched: Facts['isWatched']): void {
    const fresh = [...this.#alerts.values()].filter((alert) => !alert.isAnnounced && isWatched(alert.channel));
    for (const alert of fresh) alert.isAnnounced = true;
    this.#repeats = fresh.length > 0 ? 0 : this.#repeats + 1;
    this.#lastMs = nowMs;
    this.#times.push(nowMs);
  }

  /** Forgets the announced alerts, because there is no reflex any more. */
  abandon(): void {
    for (const [key, { isAnnounced }] of this.#alerts) if (isAnnounced) this.#alerts.delete(key);
    this.#isConfirmed = false;
    this.#repeats = 0;
  }

  /** The announced alerts without a confirmation. Empty unless the reflex has fired. */
  get unconfirmed(): readonly Announced[] {
    return this.#announced.map(({ channel, incident, row }) => ({ channel, incident, row: row ?? null }));
  }

  /** Channels of the watched alerts that wait for their confirmation and are not announced. */
  waiting(isWatched: Facts['isWatched']): readonly string[] {
    const names = [...this.#alerts.values()].flatMap(({ channel, isAnnounced }) => (!isAnnounced && isWatched(channel) ? [channel] : []));
    return [...new Set(names)];
  }

  get repeats(): number {
    return this.#repeats;
  }

  /** When the last announcement was; undefined before the first. */
  get lastMs(): number | undefined {
    return this.#lastMs;
  }

  get #announced(): Followed[] {
    return [...this.#alerts.values()].filter(({ isAnnounced }) => isAnnounced);
  }

  #end(): Step {
    const outcome = this.#isConfirmed ? 'confirmed' : 'cleared';
    this.abandon();
    return outcome;
  }

  #mayAnnounce(nowMs: number): boolean {
    this.#times = this.#times.filter((ms) => nowMs - ms < HOUR_MS);
    return this.#times.length < MOST_PER_HOUR && nowMs - (this.#lastMs ?? Number.NEGATIVE_INFINITY) >= GAP_MS;
  }

  #isRepeatDue(nowMs: number, { repeat, repeat_limit: limit }: Facts['config']): boolean {
    return repeat !== null && this.#repeats < limit && this.#lastMs !== undefined && nowMs - this.#lastMs >= repeat;
  }
}

function dueMs({ sinceMs, isEarlier }: Followed, { after }: Facts['config']): number {
  return Math.max(sinceMs + after, isEarlier ? Math.min(after, GRACE_MS) : Number.NEGATIVE_INFINITY);
}

/**
 * Leaves out announced alerts whose row was evicted and that ended meanwhile: nothing will show that they are over.
 * @param rows all held alert rows. @param last each channel's last alert row.
 */
export function stillAnnounced(
  announced: readonly Announced[],
  rows: readonly AlertRow[],
  last: ReadonlyMap<string, AlertRow['extra']>,
  isDelivered: Facts['isDelivered'],
): Announced[] {
  return announced.filter(({ channel, incident, row }) => {
    const isHeld = rows.some((each) => each.channel === channel && each.extra.incident === incident);
    const { alert, incident: latest } = last.get(channel) ?? {};
    return isHeld || (row !== null && isDelivered(row)) || (alert === 'raised' && latest === incident);
  });
}
