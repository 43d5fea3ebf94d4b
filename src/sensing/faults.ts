// Tracks a channel's faults: silence, unusable messages, and a topic that cannot be read. Each fault raises its own alert (`gas_silent`,
// `gas_unusable`), so that the family learns that the sensor cannot warn them. The caller passes in the time.
import type { ChannelConfig } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import { type ReadingExtra, SILENT_SUFFIX, UNUSABLE_SUFFIX } from '../wire/index.ts';
import type { Unusable } from './unusable.ts';

const SUFFIXES = { silent: SILENT_SUFFIX, unusable: UNUSABLE_SUFFIX } as const;
type Fault = keyof typeof SUFFIXES;

/**
 * A channel is unusable after this many unusable messages in a row, or if no usable message follows the first one for UNUSABLE_AFTER_MS.
 */
const UNUSABLE_MESSAGES = 2;
const UNUSABLE_AFTER_MS = 5_000;

/** A fault that may end by itself counts after this time. It is shorter than the 10 s in which the family shall learn of a deaf sensor. */
const ENDURED_MS = 8_000;

/** A fault ends once messages have been usable for this long, so that a sensor that alternates raises one alert and not hundreds. */
const RECOVERED_AFTER_MS = 5_000;

const NO_ROWS: readonly NewRow[] = [];

export interface FaultsOptions {
  readonly name: string;
  readonly config: Pick<ChannelConfig, 'class' | 'max_silence'>;
  /** In monotonic time. Silence is measured from here until the first usable message. */
  readonly startMs: number;
  /** @returns the incident id of an alert that was already raised before startup. */
  readonly standing: (channel: string) => string | undefined;
  readonly newIncident: () => string;
  readonly unheard: UnheardChannels;
}

/** Names of the channels that are unusable because no publisher is heard. The agent keeps them over restarts. */
export type UnheardChannels = Pick<Set<string>, 'has' | 'add' | 'delete'>;

/** Why a message cannot be used. */
export interface MessageFault {
  /** Called at most once. */
  readonly explain: () => Unusable;
  /** Whether the fault may end without a change to the configuration, such as NaN while a sensor warms up. */
  readonly mayEnd: boolean;
}

/** Unusable messages in a row. */
interface UnusableRun {
  readonly sinceMs: number;
  /** Faults that do not end by themselves, and the time of the first. */
  lasting: { readonly sinceMs: number; messages: number } | undefined;
  explain: () => Unusable;
}

const BEFORE_START: Unusable = {
  reason: 'no message before this start could be used, and none has arrived since',
  raw: null,
  suggestion: null,
};

const UNHEARD_BEFORE_START: Unusable = { reason: 'no publisher was heard before this start', raw: null, suggestion: null };

export class Faults {
  readonly #options: FaultsOptions;
  readonly #incidents: Partial<Record<Fault, string>> = {};
  #run: UnusableRun | undefined;
  #unusable: Unusable | undefined;
  /** The value of `#unusable` if it no longer explains what is wrong. The next fault replaces it. */
  #stale: Unusable | undefined;
  /** Why no message can arrive, since when. */
  #blocked: { readonly fault: Unusable; readonly sinceMs: number } | undefined;
  /** Start of the usable messages after an unusable one. */
  #recoveringMs: number | undefined;
  #lastUsableMs: number | undefined;

  constructor(options: FaultsOptions) {
    const { name, config, startMs, standing, unheard } = options;
    this.#options = options;
    const silent = config.max_silence === undefined ? undefined : standing(name + SILENT_SUFFIX);
    const unusable = config.class === 'alert' ? standing(name + UNUSABLE_SUFFIX) : undefined;
    if (silent !== undefined) this.#incidents.silent = silent;
    if (unusable === undefined) return;
    this.#incidents.unusable = unusable;
    // A detector of events may be silent for weeks, so the first heard publisher has to end the alert.
    if (unheard.has(name)) this.#blocked = { fault: UNHEARD_BEFORE_START, sinceMs: startMs };
    this.#unusable = this.#blocked?.fault ?? BEFORE_START;
    this.#stale = this.#unusable;
  }

  /** Whether no usable message has arrived for `max_silence`. */
  get silent(): boolean {
    return this.#incidents.silent !== undefined;
  }

  /** Why the messages are unusable; undefined if they are usable, or if none has arrived. */
  get unusable(): Unusable | undefined {
    return this.#unusable;
  }

  /** Monotonic time of the last usable message; undefined before the first. */
  get lastUsableMs(): number | undefined {
    return this.#lastUsableMs;
  }

  /** A usable message arrived. It ends silence at once. @returns the alerts that end. */
  addUsable(nowMs: number): readonly NewRow[] {
    this.#lastUsableMs = nowMs;
    this.#run = undefined;
    if (this.#unusable !== undefined) this.#recoveringMs ??= nowMs;
    return this.silent ? [this.#row('silent', 'cleared')] : NO_ROWS;
  }

  /** An unusable message arrived. @returns the alert if this is the second one in a row whose fault does not end by itself. */
  addUnusable(nowMs: number, { explain, mayEnd }: MessageFault): readonly NewRow[] {
    this.#recoveringMs = undefined;
    this.#run ??= { sinceMs: nowMs, lasting: undefined, explain };
    const run = this.#run;
    if (!mayEnd) {
      if (run.lasting === undefined) run.explain = explain;
      run.lasting ??= { sinceMs: nowMs, messages: 0 };
      run.lasting.messages++;
    }
    if (this.#isStale) this.#explain(explain());
    return this.#unusable !== undefined || (run.lasting?.messages ?? 0) < UNUSABLE_MESSAGES ? NO_ROWS : this.#raiseUnusable(run.explain());
  }

  /**
   * Records whether the topic cannot be read, for example because its publishers have another type.
   * @param reason a phrase without a full stop; undefined if messages can arrive. `elapse` raises the alert.
   * @param suggestion a line for the channel's entry; null if no change to the entry would help.
   */
  block(reason: string | undefined, nowMs: number, suggestion: string | null = null): void {
    if (reason === this.#blocked?.fault.reason) return;
    const before = this.#blocked;
    this.#blocked = reason === undefined ? undefined : { fault: { reason, raw: null, suggestion }, sinceMs: before?.sinceMs ?? nowMs };
    const isOfBefore = this.#unusable !== undefined && this.#unusable === before?.fault;
    if (this.#blocked !== undefined && (isOfBefore || this.#isStale)) this.#explain(this.#blocked.fault);
    if (this.#blocked !== undefined || !isOfBefore) return;
    this.#recoveringMs = nowMs;
    this.#stale = this.#unusable;
  }

  /** The time of the next change if no message arrives before. */
  get dueMs(): number | undefined {
    const due = [this.#silenceDueMs, this.#unusableDueMs, this.#blockedDueMs, this.#recoveredDueMs].filter((ms) => ms !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** @returns the rows of alerts that are due. */
  elapse(nowMs: number): readonly NewRow[] {
    const rows: NewRow[] = [];
    if (this.#blocked && isDue(this.#blockedDueMs, nowMs)) rows.push(...this.#raiseUnusable(this.#blocked.fault));
    if (this.#run && isDue(this.#unusableDueMs, nowMs)) rows.push(...this.#raiseUnusable(this.#run.explain()));
    if (isDue(this.#recoveredDueMs, nowMs)) rows.push(...this.#clearUnusable());
    if (isDue(this.#silenceDueMs, nowMs)) rows.push(this.#row('silent', 'raised'));
    return rows;
  }

  get #silenceDueMs(): number | undefined {
    const { config, startMs } = this.#options;
    if (this.silent || config.max_silence === undefined) return undefined;
    return (this.#lastUsableMs ?? startMs) + config.max_silence;
  }

  get #unusableDueMs(): number | undefined {
    if (this.#run === undefined || this.#unusable !== undefined) return undefined;
    const { sinceMs, lasting } = this.#run;
    return Math.min(sinceMs + ENDURED_MS, lasting === undefined ? Number.POSITIVE_INFINITY : lasting.sinceMs + UNUSABLE_AFTER_MS);
  }

  get #blockedDueMs(): number | undefined {
    return this.#blocked === undefined || this.#unusable !== undefined ? undefined : this.#blocked.sinceMs + UNUSABLE_AFTER_MS;
  }

  get #recoveredDueMs(): number | undefined {
    return this.#recoveringMs === undefined || this.#blocked !== undefined ? undefined : this.#recoveringMs + RECOVERED_AFTER_MS;
  }

  get #isStale(): boolean {
    return this.#unusable !== undefined && this.#unusable === this.#stale;
  }

  #explain(fault: Unusable | undefined): void {
    const { name, unheard } = this.#options;
    this.#unusable = fault;
    if (fault !== undefined && fault === this.#blocked?.fault) unheard.add(name);
    else unheard.delete(name);
  }

  #raiseUnusable(fault: Unusable): readonly NewRow[] {
    this.#explain(fault);
    // Only an alert channel raises an alert: the family does not rely on telemetry.
    return this.#options.config.class === 'alert' ? [this.#row('unusable', 'raised')] : NO_ROWS;
  }

  #clearUnusable(): readonly NewRow[] {
    this.#recoveringMs = undefined;
    this.#explain(undefined);
    return this.#incidents.unusable === undefined ? NO_ROWS : [this.#row('unusable', 'cleared')];
  }

  #row(fault: Fault, alert: NonNullable<ReadingExtra['alert']>): NewRow {
    const { name, newIncident } = this.#options;
    const incident = this.#incidents[fault] ?? newIncident();
    if (alert === 'raised') this.#incidents[fault] = incident;
    else delete this.#incidents[fault];
    return { class: 'alert', channel: name + SUFFIXES[fault], value: alert === 'raised', extra: { alert, incident } };
  }
}

function isDue(dueMs: number | undefined, nowMs: number): boolean {
  return dueMs !== undefined && nowMs >= dueMs;
}
