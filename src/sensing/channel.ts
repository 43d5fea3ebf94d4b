// One channel: from a ROS message to rows, or to none. It remembers the last reading, whether its alert stands and when it was last
// heard. No I/O and no clock: time is passed in, and `dueMs` says when `elapse` has to be called if no message comes before.
import { randomBytes } from 'node:crypto';
import { type ChannelConfig, SILENT_SUFFIX } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra } from '../wire/index.ts';
import { isAlert } from './alert.ts';
import { diagnosticReader, NOTHING } from './diagnostics.ts';
import { Gate, type Sample } from './gate.ts';
import { type FieldReader, fieldReader } from './path.ts';
import { Settled } from './settle.ts';
import { Silence } from './silence.ts';
import { convert, type ValueRules } from './value.ts';

type Message = Readonly<Record<string, unknown>>;
type Change = 'raised' | 'cleared';

const NO_ROWS: readonly NewRow[] = [];

export interface ChannelOptions {
  /** The last alert rows before this start, by channel: what stood still stands. */
  readonly standing?: ReadonlyMap<string, ReadingExtra>;
  /** Monotonic milliseconds: silence counts from here. */
  readonly startMs?: number;
  /** An alert's id, new at each call. */
  readonly newIncident?: () => string;
}

export class Channel {
  readonly name: string;
  readonly config: ChannelConfig;
  readonly #read: FieldReader;
  readonly #rules: ValueRules;
  readonly #gate: Gate;
  readonly #settled: Settled;
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
    this.#settled = new Settled({ debounceMs: config.debounce, holdMs: config.hold }, this.#raw || undefined);
    if (config.max_silence !== undefined) {
      this.#silentIncident = this.#standingIncident(standing?.get(this.silentName));
      this.#silence = new Silence(config.max_silence, startMs, this.#silentIncident !== undefined);
    }
  }

  /** The name under which this channel's silence is told. */
  get silentName(): string {
    return this.name + SILENT_SUFFIX;
  }

  /** Whether it was silent for longer than it may be. */
  get silent(): boolean {
    return this.#silence?.stands ?? false;
  }

  /** The rows a ROS message becomes. A raised alert gets its incident id here, in the row that first says so. */
  accept(message: Message, nowMs: number): readonly NewRow[] {
    const field = this.#read(message);
    if (field === NOTHING) return this.elapse(nowMs);
    return this.sample(convert(field, this.#rules, stampOf(message)), nowMs);
  }

  /** The same for a value that was taken out of its message before, as recorded readings are. */
  sample(sample: Sample, nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    this.#messages++;
    if (this.#lastMessageMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs ?? 0, nowMs - this.#lastMessageMs);
    this.#lastMessageMs = nowMs;
    const awake = this.#silence?.heard(nowMs) ? [this.#silenceRow('cleared')] : NO_ROWS;
    this.#sample = sample;
    this.#settled.feed(this.#rawOf(sample), nowMs);
    const seen = this.#seen(sample);
    const change = this.#alertChange();
    const before = rows.length + awake.length === 0 ? NO_ROWS : [...rows, ...awake];
    if (change) this.#gate.tell(seen ?? sample, nowMs);
    else if (seen === undefined || !this.#gate.offer(seen, nowMs)) return before;
    return [...before, this.#row(seen ?? sample, change)];
  }

  /** When something happens if no message comes before; undefined: nothing does. */
  get dueMs(): number | undefined {
    return earlier(earlier(this.#settled.dueMs, this.#gate.dueMs), this.#silence?.dueMs);
  }

  /** What became due by now: a debounce or a hold that ended, a reading that waited, a silence that began. */
  elapse(nowMs: number): readonly NewRow[] {
    const { dueMs } = this;
    if (dueMs === undefined || nowMs < dueMs) return NO_ROWS;
    const rows: NewRow[] = [];
    const settledMs = this.#settled.dueMs;
    const gateMs = this.#gate.dueMs;
    // In the order of their times, so that a late call tells the same as timely ones.
    if (gateMs !== undefined && (settledMs === undefined || gateMs < settledMs)) this.#elapseGate(Math.min(gateMs, nowMs), nowMs, rows);
    if (settledMs !== undefined && settledMs <= nowMs) this.#elapseSettled(settledMs, rows);
    this.#elapseGate(this.#gate.dueMs ?? nowMs, nowMs, rows);
    if (this.#silence?.elapse(nowMs)) rows.push(this.#silenceRow('raised'));
    return rows;
  }

  /** The channel goes: what waited for its time is told now, or nobody would ever know the last of a burst. */
  end(nowMs: number): readonly NewRow[] {
    const rows = this.elapse(nowMs);
    const waited = this.#gate.flush(nowMs);
    return waited ? [...rows, this.#row(waited, undefined)] : rows;
  }

  /** Messages so far. */
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

  #elapseSettled(atMs: number, rows: NewRow[]): void {
    this.#settled.elapse(atMs);
    const sample = this.#sample;
    const seen = sample && this.#seen(sample);
    if (seen === undefined) return;
    const change = this.#alertChange();
    if (change) this.#gate.tell(seen, atMs);
    else if (!this.#gate.offer(seen, atMs)) return;
    rows.push(this.#row(seen, change));
  }

  #elapseGate(atMs: number, nowMs: number, rows: NewRow[]): void {
    if (atMs > nowMs) return;
    const waited = this.#gate.elapse(atMs);
    if (waited) rows.push(this.#row(waited, undefined));
  }

  /** What is debounced and held: the alert's condition; without one, whether a boolean is true. */
  #rawOf({ value }: Sample): boolean | undefined {
    const { alert_when: when } = this.config;
    if (when === undefined) return typeof value === 'boolean' ? value : undefined;
    const raw = isAlert(when, value, this.#raw);
    if (raw !== undefined) this.#raw = raw;
    return raw;
  }

  /** A boolean as debounce and hold let it be seen; undefined while they know nothing yet. Anything else as it is. */
  #seen(sample: Sample): Sample | undefined {
    if (typeof sample.value !== 'boolean') return sample;
    const { state } = this.#settled;
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
    const stands = this.#settled.state === true;
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

/** The stamp of a std_msgs/Header in milliseconds since 1970, where the message has one that was set. */
function stampOf(message: Message): number | undefined {
  const stamp = (message.header as { stamp?: { sec?: unknown; nanosec?: unknown; nsec?: unknown } } | undefined)?.stamp;
  const [sec, nanosec] = [stamp?.sec, stamp?.nanosec ?? stamp?.nsec];
  if (typeof sec !== 'number' || typeof nanosec !== 'number' || (sec === 0 && nanosec === 0)) return undefined;
  return sec * 1000 + Math.floor(nanosec / 1e6);
}
