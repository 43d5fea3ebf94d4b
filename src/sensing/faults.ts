// Tracks a channel's faults: silence and unusable messages. Each fault raises its own alert (`gas_silent`, `gas_unusable`), so that the
// family learns that the sensor cannot warn them. The caller passes in the time.
import { type ChannelConfig, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';
import type { Unusable } from './unusable.ts';

const SUFFIXES = { silent: SILENT_SUFFIX, unusable: UNUSABLE_SUFFIX } as const;
type Fault = keyof typeof SUFFIXES;

/**
 * A channel is unusable after this many unusable messages in a row, or if no usable message follows the first one for UNUSABLE_AFTER_MS.
 */
const UNUSABLE_MESSAGES = 2;
const UNUSABLE_AFTER_MS = 5_000;

const NO_ROWS: readonly NewRow[] = [];

export interface FaultsOptions {
  readonly name: string;
  readonly config: Pick<ChannelConfig, 'class' | 'max_silence'>;
  /** In monotonic time. Silence is measured from here until the first usable message. */
  readonly startMs: number;
  /** @returns the incident id of an alert that was already raised before startup. */
  readonly standing: (channel: string) => string | undefined;
  readonly newIncident: () => string;
}

/** The unusable messages since the last usable one. */
interface UnusableRun {
  readonly sinceMs: number;
  readonly messages: number;
  readonly explain: () => Unusable;
}

export class Faults {
  /** Whether the channel's messages are unusable. For an alert channel, this state survives a restart until a usable message arrives. */
  isUnusable: boolean;
  readonly #options: FaultsOptions;
  readonly #incidents: Partial<Record<Fault, string>> = {};
  #run: UnusableRun | undefined;
  #lastUsableMs: number;

  constructor(options: FaultsOptions) {
    const { name, config, startMs, standing } = options;
    this.#options = options;
    this.#lastUsableMs = startMs;
    const silent = config.max_silence === undefined ? undefined : standing(name + SILENT_SUFFIX);
    const unusable = config.class === 'alert' ? standing(name + UNUSABLE_SUFFIX) : undefined;
    if (silent !== undefined) this.#incidents.silent = silent;
    if (unusable !== undefined) this.#incidents.unusable = unusable;
    this.isUnusable = unusable !== undefined;
  }

  /** Whether no usable message has arrived for `max_silence`. */
  get silent(): boolean {
    return this.#incidents.silent !== undefined;
  }

  /** Why the messages are unusable. Undefined unless `isUnusable`. */
  get unusable(): Unusable | undefined {
    if (!this.isUnusable) return undefined;
    return (
      this.#run?.explain() ?? { reason: 'no message since startup; the messages before it were unusable', raw: null, suggestion: null }
    );
  }

  /** Call this when a usable message arrives. @returns rows that clear the alerts. */
  end(nowMs: number): readonly NewRow[] {
    this.#lastUsableMs = nowMs;
    this.#run = undefined;
    this.isUnusable = false;
    const standing = (['silent', 'unusable'] as const).filter((fault) => this.#incidents[fault] !== undefined);
    return standing.length === 0 ? NO_ROWS : standing.map((fault) => this.#row(fault, 'cleared'));
  }

  /** Call this when an unusable message arrives. @returns the alert's row if this is the second such message in a row. */
  addUnusable(nowMs: number, explain: () => Unusable): readonly NewRow[] {
    this.#run = { sinceMs: this.#run?.sinceMs ?? nowMs, messages: (this.#run?.messages ?? 0) + 1, explain };
    return this.isUnusable || this.#run.messages < UNUSABLE_MESSAGES ? NO_ROWS : this.#raiseUnusable();
  }

  /** When the next fault begins if no usable message arrives first. */
  get dueMs(): number | undefined {
    const due = Math.min(this.#silenceDueMs, this.#unusableDueMs);
    return due === Number.POSITIVE_INFINITY ? undefined : due;
  }

  /** @returns the rows of alerts that are due. */
  elapse(nowMs: number): readonly NewRow[] {
    const unusable = nowMs >= this.#unusableDueMs ? this.#raiseUnusable() : NO_ROWS;
    return nowMs >= this.#silenceDueMs ? [...unusable, this.#row('silent', 'raised')] : unusable;
  }

  get #silenceDueMs(): number {
    return this.silent ? Number.POSITIVE_INFINITY : this.#lastUsableMs + (this.#options.config.max_silence ?? Number.POSITIVE_INFINITY);
  }

  get #unusableDueMs(): number {
    return this.#run === undefined || this.isUnusable ? Number.POSITIVE_INFINITY : this.#run.sinceMs + UNUSABLE_AFTER_MS;
  }

  /** Only alert channels raise this alert, because only they are relied on to warn someone. */
  #raiseUnusable(): readonly NewRow[] {
    this.isUnusable = true;
    return this.#options.config.class === 'alert' ? [this.#row('unusable', 'raised')] : NO_ROWS;
  }

  #row(fault: Fault, alert: NonNullable<ReadingExtra['alert']>): NewRow {
    const { name, newIncident } = this.#options;
    const incident = this.#incidents[fault] ?? newIncident();
    if (alert === 'raised') this.#incidents[fault] = incident;
    else delete this.#incidents[fault];
    return { class: 'alert', channel: name + SUFFIXES[fault], value: alert === 'raised', extra: { alert, incident } };
  }
}
