// One channel: turns a ROS message into rows, or into nothing. A channel stores its last reading, its alert and the time of its last
// message. No I/O and no clock: time is a parameter, and `dueMs` is when `elapse` has to be called if no message comes before.
import { randomBytes } from 'node:crypto';
import { type ChannelConfig, SILENT_SUFFIX } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';
import { isAlert } from './alert.ts';
import { Debounce } from './debounce.ts';
import { diagnosticReader, NOTHING } from './diagnostics.ts';
import { Gate, type Sample } from './gate.ts';
import { type FieldReader, fieldReader } from './path.ts';
import { Silence } from './silence.ts';
import { convert, type ValueRules } from './value.ts';

type Message = Readonly<Record<string, unknown>>;
type Change = 'raised' | 'cleared';

const NO_ROWS: readonly NewRow[] = [];

export interface ChannelOptions {
  /** The last alert rows before this start, by channel: a raised alert is still raised. */
  readonly standing?: ReadonlyMap<string, ReadingExtra>;
  /** Monotonic milliseconds from which silence counts. */
  readonly startMs?: number;
  /** Returns a new id for an alert. */
  readonly newIncident?: () => string;
}

export class Channel {
  readonly name: string;
  readonly config: ChannelConfig;
  readonly #read: FieldReader;
  readonly #rules: ValueRules;
  readonly #gate: Gate;
  readonly #debounce: Debounce;
  readonly #silence: Silence | undefined;
  readonly #newIncident: () => string;
  #raw: boolean;
  #sample: Sample | undefined;
  #incident: string | undefined;
  #silentIncident: string | undefined;
  #messages = 0;
  #readings = 0;
  #lastMessageMs: number | undefined;
  #longestGapMs: number | undefined;

  constructor(name: string, config: ChannelConfig, { standing, startMs = 0, newIncident = mintIncident }: ChannelOptions = {}) {
    const { on, at_most_every: atMostEveryMs, at_least_every: atLeastEveryMs, deadband } = config.report;
    this.name = name;
    this.config = config;
    this.#newIncident = newIncident;
    this.#read = config.diagnostics ? diagnosticReader(config.diagnostics) : fieldReader(config.field);
    const { scale, min, max, alert_when: when } = config;
    this.#rules = { scale, min, max, kind: when && (typeof when.raise.value as 'boolean' | 'number' | 'string') };
    this.#gate = new Gate({ on, atMostEveryMs, atLeastEveryMs, deadband });
    this.#incident = when && this.#standingIncident(standing?.get(name));
    this.#raw = this.#incident !== undefined;
    this.#debounce = new Debounce({ debounceMs: config.debounce, holdMs: config.hold }, this.#raw || undefined);
    if (config.max_silence !== undefined) {
      this.#silentIncident = this.#standingIncident(standing?.get(this.silentName));
      this.#silence = new Silence(config.max_silence, startMs, this.#silentIncident !== undefined);
    }
  }

  /** The channel name of the alert for this channel's silence. */
  get silentName(): string {
    return this.name + SILENT_SUFFIX;
  }

  /** Whether the channel has been silent for longer than `max_silence`. */
  get silent(): boolean {
    return this.#silence?.stands ?? false;
  }

  /** The rows of a ROS message. A raised alert gets its incident id here, in its first row. */
  accept(message: Message, nowMs: number): readonly NewRow[] {
    const field = this.#read(message);
    if (field === NOTHING) return this.elapse(nowMs);
    return this.sample(convert(field, this.#rules, stampOf(message)), nowMs);
  }

  /** As `accept`, for a value that was already read from its message, as in recorded readings. */
  sample(sample: Sample, nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    this.#messages++;
    if (this.#lastMessageMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs ?? 0, nowMs - this.#lastMessageMs);
    this.#lastMessageMs = nowMs;
    const awake = this.#silence?.heard(nowMs) ? [this.#silenceRow('cleared')] : NO_ROWS;
    this.#sample = sample;
    this.#debounce.feed(this.#rawOf(sample), nowMs);
    const shown = this.#debounced(sample);
    const change = this.#alertChange();
    const before = rows.length + awake.length === 0 ? NO_ROWS : [...rows, ...awake];
    if (change) this.#gate.record(shown ?? sample, nowMs);
    else if (shown === undefined || !this.#gate.offer(shown, nowMs)) return before;
    return [...before, this.#row(shown ?? sample, change)];
  }

  /** When `elapse` has something to do if no message comes before; undefined: never. */
  get dueMs(): number | undefined {
    return earlier(earlier(this.#debounce.dueMs, this.#gate.dueMs), this.#silence?.dueMs);
  }

  /** The rows that are due: a debounce or hold ended, a reading waited, a silence began. */
  elapse(nowMs: number): readonly NewRow[] {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return NO_ROWS;
    const rows: NewRow[] = [];
    const debounceMs = this.#debounce.dueMs;
    const gateMs = this.#gate.dueMs;
    // In the order of their times, so that a late call gives the same rows as timely calls.
    if (gateMs !== undefined && (debounceMs === undefined || gateMs < debounceMs)) this.#elapseGate(Math.min(gateMs, nowMs), nowMs, rows);
    if (debounceMs !== undefined && debounceMs <= nowMs) this.#elapseDebounce(debounceMs, rows);
    this.#elapseGate(this.#gate.dueMs ?? nowMs, nowMs, rows);
    if (this.#silence?.elapse(nowMs)) rows.push(this.#silenceRow('raised'));
    return rows;
  }

  /** The channel ends: the waiting reading becomes a row now; otherwise the last value of a burst would be lost. */
  end(nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    const waited = this.#gate.flush(nowMs);
    return waited ? [...rows, this.#row(waited, undefined)] : rows;
  }

  /** Number of messages so far. */
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
    };
  }

  #elapseDebounce(atMs: number, rows: NewRow[]): void {
    this.#debounce.elapse(atMs);
    const sample = this.#sample;
    const shown = sample && this.#debounced(sample);
    if (shown === undefined) return;
    const change = this.#alertChange();
    if (change) this.#gate.record(shown, atMs);
    else if (!this.#gate.offer(shown, atMs)) return;
    rows.push(this.#row(shown, change));
  }

  #elapseGate(atMs: number, nowMs: number, rows: NewRow[]): void {
    if (atMs > nowMs) return;
    const waited = this.#gate.elapse(atMs);
    if (waited) rows.push(this.#row(waited, undefined));
  }

  /** The input of debounce and hold: the condition of the alert, or a boolean without one. */
  #rawOf({ value }: Sample): boolean | undefined {
    const { alert_when: when } = this.config;
    if (when === undefined) return typeof value === 'boolean' ? value : undefined;
    const raw = isAlert(when, value, this.#raw);
    if (raw !== undefined) this.#raw = raw;
    return raw;
  }

  /** A boolean after debounce and hold; undefined while their state is unknown. Other values stay unchanged. */
  #debounced(sample: Sample): Sample | undefined {
    if (typeof sample.value !== 'boolean') return sample;
    const { state } = this.#debounce;
    const whenTrue = this.#trueMeans();
    if (state === undefined || whenTrue === undefined) return undefined;
    const value = state ? whenTrue : !whenTrue;
    return value === sample.value ? sample : { ...sample, value };
  }

  /** The boolean at which the condition holds: with `alert_when: false`, or `!= true`, it is false. */
  #trueMeans(): boolean | undefined {
    const { alert_when: when } = this.config;
    if (when === undefined) return true;
    const { comparison, value } = when.raise;
    if (typeof value !== 'boolean') return undefined;
    return comparison === '!=' ? !value : value;
  }

  #alertChange(): Change | undefined {
    if (this.config.alert_when === undefined) return undefined;
    const stands = this.#debounce.state === true;
    if (stands === (this.#incident !== undefined)) return undefined;
    return stands ? 'raised' : 'cleared';
  }

  #row(sample: Sample, change: Change | undefined): NewRow {
    const { value, bad, stamp } = sample;
    this.#readings++;
    const extra: ReadingExtra = { ...(bad ? { bad } : {}), ...(stamp === undefined ? {} : { stamp }) };
    if (change === undefined) return { class: 'telemetry', channel: this.name, value, extra };
    this.#incident ??= this.#newIncident();
    const incident = this.#incident;
    if (change === 'cleared') this.#incident = undefined;
    return { class: 'alert', channel: this.name, value, extra: { alert: change, incident, ...extra } };
  }

  #silenceRow(change: Change): NewRow {
    this.#silentIncident ??= this.#newIncident();
    const incident = this.#silentIncident;
    if (change === 'cleared') this.#silentIncident = undefined;
    return { class: 'alert', channel: this.silentName, value: change === 'raised', extra: { alert: change, incident } };
  }

  #standingIncident(last: ReadingExtra | undefined): string | undefined {
    return last?.alert === 'raised' ? (last.incident ?? this.#newIncident()) : undefined;
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

function mintIncident(): string {
  return randomBytes(9).toString('base64url');
}

/** The stamp of a std_msgs/Header in milliseconds since 1970; undefined without a header or with an unset stamp. */
function stampOf(message: Message): number | undefined {
  const stamp = (message.header as { stamp?: { sec?: unknown; nanosec?: unknown; nsec?: unknown } } | undefined)?.stamp;
  const [sec, nanosec] = [stamp?.sec, stamp?.nanosec ?? stamp?.nsec];
  if (typeof sec !== 'number' || typeof nanosec !== 'number' || (sec === 0 && nanosec === 0)) return undefined;
  return sec * 1000 + Math.floor(nanosec / 1e6);
}
