// Turns one channel's ROS messages into rows. It remembers the last reading, the alert and the time of the last message. The caller passes
// in the time and must call `elapse` if no message arrives by `dueMs`.
import type { ChannelConfig } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';
import { Awaited } from './awaited.ts';
import type { PercentTopics } from './battery.ts';
import { isAlert, trueMeans } from './condition.ts';
import { Debounce } from './debounce.ts';
import { Faults, type MessageFault, type UnheardChannels } from './faults.ts';
import { ABSENT, NOTHING } from './field.ts';
import { Gate } from './gate.ts';
import { mintIncident } from './incident.ts';
import { isDanger } from './late.ts';
import { faultOf, recordedFault } from './momentary.ts';
import { Occurrences } from './occurrences.ts';
import { type Source, sourceOf } from './source.ts';
import { hasNoFields, isUsable, type Unusable } from './unusable.ts';
import { convert, type Sample, stampOf } from './value.ts';

type Message = Readonly<Record<string, unknown>>;
type Change = 'raised' | 'cleared';

const NO_ROWS: readonly NewRow[] = [];

export interface ChannelOptions {
  /** Each channel's last alert row before this run. If it was raised, the alert is still raised. */
  readonly standing?: ReadonlyMap<string, ReadingExtra>;
  /** In monotonic time. Silence is measured from here if no message arrives, so that a topic without a publisher becomes silent too. */
  readonly startMs?: number;
  /** Topics on which a battery's percentage is known to be 0 to 100. The channel adds its own. */
  readonly percentTopics?: PercentTopics;
  /** Channels that are unusable because no publisher is heard. The channel adds and removes itself. */
  readonly unheard?: UnheardChannels;
  /** Creates the id of a new alert. */
  readonly newIncident?: () => string;
}

export class Channel {
  readonly name: string;
  readonly config: ChannelConfig;
  readonly #source: Source;
  readonly #gate: Gate;
  /** Undefined if the channel does not report events. */
  readonly #occurrences: Occurrences | undefined;
  readonly #debounce: Debounce | Occurrences;
  readonly #faults: Faults;
  readonly #awaited: Awaited;
  readonly #newIncident: () => string;
  #raw: boolean;
  #sample: Sample | undefined;
  #incident: string | undefined;
  #messages = 0;
  #readings = 0;
  #lastMessageMs: number | undefined;
  #longestGapMs: number | undefined;

  constructor(name: string, config: ChannelConfig, options: ChannelOptions = {}) {
    const { standing, startMs = 0, newIncident = mintIncident, percentTopics = new Set(), unheard = new Set() } = options;
    this.name = name;
    this.config = config;
    this.#newIncident = newIncident;
    this.#source = sourceOf(config, percentTopics);
    this.#gate = new Gate(config.report);
    if (config.alert_when) this.#incident = this.#standingIncident(standing?.get(name));
    this.#raw = this.#incident !== undefined;
    if (config.clear_after !== undefined) this.#occurrences = new Occurrences(config.clear_after, this.#raw ? startMs : undefined);
    this.#debounce = this.#occurrences ?? new Debounce(config.debounce, config.hold, this.#raw || undefined);
    this.#awaited = new Awaited(config);
    this.#faults = new Faults({
      name,
      config,
      startMs,
      standing: (channel) => this.#standingIncident(standing?.get(channel)),
      newIncident,
      unheard,
    });
  }

  /** Whether no usable message has arrived for `max_silence`. */
  get silent(): boolean {
    return this.#faults.silent;
  }

  /** Why the channel's messages cannot be used; undefined if they can, or if none arrived. */
  get unusable(): Unusable | undefined {
    return this.#faults.unusable;
  }

  /** @returns the rows that a ROS message causes. */
  accept(message: Message, nowMs: number): readonly NewRow[] {
    const field = this.#source.read(message);
    if (field === NOTHING) return this.#acceptNothing(message, nowMs);
    const stamp = stampOf(message);
    if (field === ABSENT) return this.sample({ value: null, isAbsent: true, stamp }, nowMs);
    if (this.#occurrences && field === undefined && hasNoFields(message))
      return this.sample({ value: trueMeans(this.config) ?? true, isEmpty: true, stamp }, nowMs);
    const sample = convert(field, this.config, stamp);
    return this.sample(sample, nowMs, () => faultOf(this.config, field, sample, () => this.#source.explain(message, field, sample)));
  }

  /** @returns the rows of a message after a newer one of its publisher. It may raise or extend an alert, and nothing else. */
  acceptLate(message: Message, nowMs: number): readonly NewRow[] {
    return isDanger(this.config, this.#source.read(message), message) ? this.accept(message, nowMs) : NO_ROWS;
  }

  /** The message says nothing about this channel. */
  #acceptNothing(message: Message, nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    const fault = this.#faults.lastUsableMs === undefined ? this.#awaited.missing(message, nowMs) : undefined;
    return fault === undefined ? rows : [...rows, ...this.#faults.addUnusable(nowMs, fault)];
  }

  /** @returns the rows of a message that could not be decoded. */
  reject(reason: string, nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    this.#countMessage(nowMs);
    // An unreadable message does not end an alert.
    this.#debounce.feed(undefined, nowMs);
    return [...rows, ...this.#faults.addUnusable(nowMs, { explain: () => ({ reason, raw: null, suggestion: null }), mayEnd: false })];
  }

  /**
   * Records why no message can arrive, or none can be used; undefined if messages can. If the reason lasts, {@link elapse} reports the
   * channel as unusable.
   */
  block(reason: string | undefined, nowMs: number, suggestion: string | null = null): void {
    this.#faults.block(reason, nowMs, suggestion);
  }

  /** @returns the rows caused by a value that has already been read from its message, as in recorded readings. */
  sample(sample: Sample, nowMs: number, fault: () => MessageFault = () => recordedFault(sample)): readonly NewRow[] {
    const elapsed = this.elapse(nowMs);
    this.#countMessage(nowMs);
    const faults = isUsable(sample, this.config) ? this.#faults.addUsable(nowMs) : this.#faults.addUnusable(nowMs, fault());
    const before = faults.length === 0 ? elapsed : [...elapsed, ...faults];
    this.#sample = sample;
    const raw = this.#rawOf(sample);
    this.#debounce.feed(raw, nowMs);
    const debounced = this.#debounced(sample, raw);
    const change = this.#alertChange();
    if (change) this.#gate.record(debounced ?? sample, nowMs);
    else if (debounced === undefined || !this.#gate.offer(debounced, nowMs)) return before;
    return [...before, this.#row(debounced ?? sample, change)];
  }

  /** When the caller must call `elapse` if no message arrives first. Undefined if nothing is due. */
  get dueMs(): number | undefined {
    return earlier(earlier(this.#debounce.dueMs, this.#gate.dueMs), this.#faults.dueMs);
  }

  /** @returns the rows that are due now, because a debounce or hold has ended, a reading has waited long enough, or a fault has begun. */
  elapse(nowMs: number): readonly NewRow[] {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return NO_ROWS;
    const rows: NewRow[] = [];
    const debounceMs = this.#debounce.dueMs;
    const gateMs = this.#gate.dueMs;
    // Process in order of the due times, so that a late call returns the same rows as punctual calls.
    if (gateMs !== undefined && (debounceMs === undefined || gateMs < debounceMs)) this.#elapseGate(Math.min(gateMs, nowMs), nowMs, rows);
    if (debounceMs !== undefined && debounceMs <= nowMs) this.#elapseDebounce(debounceMs, rows);
    this.#elapseGate(this.#gate.dueMs ?? nowMs, nowMs, rows);
    return [...rows, ...this.#faults.elapse(nowMs)];
  }

  /** Ends the channel. A waiting reading becomes a row now, because otherwise the last value of a burst would be lost. */
  end(nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    const waited = this.#gate.flush(nowMs);
    return waited ? [...rows, this.#row(waited, undefined)] : rows;
  }

  /** Milliseconds since the last usable message; undefined before the first. */
  usableAgeMs(nowMs: number): number | undefined {
    const { lastUsableMs } = this.#faults;
    return lastUsableMs === undefined ? undefined : nowMs - lastUsableMs;
  }

  /** Whether the detector also reports that nothing happens. Detectors of events may not. */
  get reportsCalm(): boolean {
    return this.#occurrences?.reportsCalm ?? true;
  }

  /** Number of messages since the start. */
  get messages(): number {
    return this.#messages;
  }

  status(nowMs: number) {
    return {
      name: this.name,
      topic: this.config.topic,
      value: this.#gate.last?.value ?? null,
      messages: this.#messages,
      readings: this.#readings,
      age_ms: this.#lastMessageMs === undefined ? null : nowMs - this.#lastMessageMs,
      longest_gap_ms: this.#longestGapMs ?? null,
      alert: this.#incident !== undefined,
      silent: this.silent,
      unusable: this.unusable ?? null,
      reads: this.#source.describe(),
      class: this.config.class,
      occurrences: this.#occurrences?.count ?? null,
    };
  }

  #countMessage(nowMs: number): void {
    this.#messages++;
    if (this.#lastMessageMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs ?? 0, nowMs - this.#lastMessageMs);
    this.#lastMessageMs = nowMs;
  }

  #elapseDebounce(atMs: number, rows: NewRow[]): void {
    this.#debounce.elapse(atMs);
    const debounced = this.#occurrences ? this.#afterEvent() : this.#sample && this.#debounced(this.#sample, undefined);
    if (debounced === undefined) return;
    const change = this.#alertChange();
    if (change) this.#gate.record(debounced, atMs);
    else if (!this.#gate.offer(debounced, atMs)) return;
    rows.push(this.#row(debounced, change));
  }

  #elapseGate(atMs: number, nowMs: number, rows: NewRow[]): void {
    if (atMs > nowMs) return;
    const waited = this.#gate.elapse(atMs);
    if (waited) rows.push(this.#row(waited, undefined));
  }

  /**
   * @returns the input for debounce and hold: whether the alert's condition holds, or the value itself if a boolean channel has no
   * condition.
   */
  #rawOf({ value, infinite, isEmpty, isAbsent }: Sample): boolean | undefined {
    if (isEmpty) return true;
    const { alert_when: when, report } = this.config;
    if (when === undefined) return typeof value === 'boolean' ? value : undefined;
    // With `as: alert`, a recorded reading is a boolean, even if the condition compares numbers.
    if (report.as === 'alert' && typeof value === 'boolean' && typeof when.raise.value !== 'boolean') return value;
    const raw = isAbsent ? false : isAlert(when, infinite ?? value, this.#raw);
    if (raw !== undefined) this.#raw = raw;
    return raw;
  }

  /**
   * @param raw the input for debounce and hold.
   * @returns a boolean sample after debounce and hold, or undefined if there is nothing to report, as while the debounced state is unknown.
   * Other samples are returned unchanged, unless the channel reports its alert in place of the value.
   */
  #debounced(sample: Sample, raw: boolean | undefined): Sample | undefined {
    const { state } = this.#debounce;
    const isAlertReported = this.config.report.as === 'alert' && isUsable(sample, this.config);
    if (typeof sample.value !== 'boolean' && !isAlertReported) return sample;
    const whenTrue = trueMeans(this.config);
    if (state === undefined || whenTrue === undefined) return undefined;
    // A message without an event does not end the alert, and must not be reported as another event.
    if (this.#occurrences && state && raw !== true) return undefined;
    const value = state ? whenTrue : !whenTrue;
    return value === sample.value ? sample : { ...sample, value, bad: undefined };
  }

  /** @returns the value after an event. No message reports its end, so a number or a text is null unless a later message replaced it. */
  #afterEvent(): Sample {
    const whenTrue = trueMeans(this.config);
    if (whenTrue !== undefined) return { value: !whenTrue };
    const last = this.#sample;
    return last === undefined || this.#rawOf(last) === true ? { value: null } : last;
  }

  #alertChange(): Change | undefined {
    if (this.config.alert_when === undefined) return undefined;
    const isRaised = this.#debounce.state === true;
    if (isRaised === (this.#incident !== undefined)) return undefined;
    return isRaised ? 'raised' : 'cleared';
  }

  #row(sample: Sample, change: Change | undefined): NewRow {
    const { value, bad, stamp } = sample;
    this.#readings++;
    const occurrences = change === 'cleared' ? this.#occurrences?.count : undefined;
    const extra: ReadingExtra = {
      ...(occurrences === undefined ? {} : { occurrences }),
      ...(bad ? { bad } : {}),
      ...(stamp === undefined ? {} : { stamp }),
    };
    if (change === undefined) return { class: 'telemetry', channel: this.name, value, extra };
    this.#incident ??= this.#newIncident();
    const incident = this.#incident;
    if (change === 'cleared') this.#incident = undefined;
    return { class: 'alert', channel: this.name, value, extra: { alert: change, incident, ...extra } };
  }

  #standingIncident(last: ReadingExtra | undefined): string | undefined {
    return last?.alert === 'raised' ? (last.incident ?? this.#newIncident()) : undefined;
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}
