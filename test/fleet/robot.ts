// A simulated robot: its messages of each minute, and its repetitions after a receipt (docs/reference/protocol.md, Rules for the
// robot). All its times are simulated. Pure.
import { coveredBy, type Ranges, type Reading, type Receipt, subtract, type Topics, topicsOf, union } from '../../src/wire/index.ts';

export const MINUTE_MS = 60_000;
/** Rule 2: a row is due 60 s after its first try, and the wait doubles with each try up to an hour. */
const RESEND_MS = 60_000;
const RESEND_MAX_MS = 3_600_000;
/** A robot that waits this long for a receipt publishes its presence, at most every 5 minutes. */
const ASK_MS = 90_000;
const ASK_EVERY_MS = 300_000;
const SAFE = ['gas', 'fire', 'fall', 'stranger'] as const;

/** A message with rows. It stays until receipts cover all of them. */
interface Sent {
  readonly first: number;
  readonly last: number;
  readonly minute: number;
  readonly alert: 'raised' | 'cleared' | null;
  /** When the latest PUBACK arrived; null while the message is on its way. */
  acknowledgedMs: number | null;
  tries: number;
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: string;
  readonly isRepeat: boolean;
  /** Must be called with the time of the PUBACK. */
  readonly acknowledged: (nowMs: number) => void;
}

export interface RobotOptions {
  readonly index: number;
  readonly readings: number;
  /** The wall clock at the simulated time 0. */
  readonly startedAt: number;
  readonly telemetryEveryMs: number;
  /** The minute of its fall. The next minute clears it. */
  readonly fallMinute: number;
  /** The first minute in which it sends nothing more. */
  readonly endMinute: number;
}

/** The value of each temperature, so that a row with another row's content shows. */
export const TEMPERATURES = 50;

export class FleetRobot {
  readonly thing: string;
  readonly outbox: string;
  readonly endMinute: number;
  accepted = 0;
  falls = 0;
  readonly #options: RobotOptions;
  readonly #topics: Topics;
  #covered: Ranges = [];
  #sent: Sent[] = [];
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(options: RobotOptions) {
    this.#options = options;
    this.endMinute = options.endMinute;
    this.thing = `robot-${String(options.index).padStart(6, '0')}`;
    this.outbox = `box-${this.thing}`;
    this.#topics = topicsOf(`fleet/${this.thing}`);
  }

  /** Whether receipts cover all its rows. */
  get isSettled(): boolean {
    return this.#sent.length === 0;
  }

  /** Makes the messages of this minute. From `endMinute` on it has no new rows. */
  minute(minute: number, nowMs: number): Outgoing[] {
    const { fallMinute, readings } = this.#options;
    const out = this.#needsToAsk(nowMs) ? [this.#presence(nowMs)] : [];
    if (minute >= this.endMinute) return out;
    if (minute === fallMinute || minute === fallMinute + 1) {
      const raised = minute === fallMinute;
      if (raised) this.falls++;
      out.push(this.#accept(1, minute, raised ? 'raised' : 'cleared', nowMs));
    }
    out.push(this.#accept(readings, minute, null, nowMs));
    return out;
  }

  /** Takes a receipt. @returns the messages that are due again. */
  receive(receipt: Receipt, nowMs: number): Outgoing[] {
    if (receipt.outbox !== this.outbox || receipt.accepted > this.accepted) {
      throw new Error(`${this.thing} got a false receipt: ${JSON.stringify(receipt)}`);
    }
    this.#covered = union(this.#covered, coveredBy(receipt));
    this.#sent = this.#sent.filter(({ first, last }) => subtract([[first, last]], this.#covered).length > 0);
    const due = this.#sent.filter(({ first, last, acknowledgedMs, tries }) => {
      if (acknowledgedMs === null || first <= receipt.after || (receipt.to !== null && last > receipt.to)) return false;
      return acknowledgedMs + Math.min(RESEND_MS * 2 ** (tries - 1), RESEND_MAX_MS) < receipt.mark[1];
    });
    return due.map((sent) => this.#rows(sent, nowMs, true));
  }

  #needsToAsk(nowMs: number): boolean {
    if (this.#askedMs === Number.NEGATIVE_INFINITY) return true;
    if (nowMs - this.#askedMs < ASK_EVERY_MS) return false;
    return this.#sent.some(({ acknowledgedMs }) => acknowledgedMs !== null && nowMs - acknowledgedMs > ASK_MS);
  }

  #accept(rows: number, minute: number, alert: Sent['alert'], nowMs: number): Outgoing {
    const sent: Sent = { first: this.accepted + 1, last: this.accepted + rows, minute, alert, acknowledgedMs: null, tries: 0 };
    this.accepted = sent.last;
    this.#sent.push(sent);
    return this.#rows(sent, nowMs, false);
  }

  #rows(sent: Sent, nowMs: number, isRepeat: boolean): Outgoing {
    const { first, last, alert } = sent;
    const { startedAt } = this.#options;
    sent.acknowledgedMs = null;
    const seqs = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const readings = seqs.map((seq, i) => this.#reading(sent, seq, i));
    const flat = { gas: false, fire: false, fall: alert === 'raised', stranger: false, battery: 87, temperature: last % TEMPERATURES };
    const payload = JSON.stringify({
      ...{ thing: this.thing, outbox: this.outbox, accepted: this.accepted, mark: [1, Math.round(nowMs)] },
      ...{
        kind: alert === null ? 'telemetry' : 'alert',
        sent_at: Math.round(startedAt + nowMs),
        state_seq: this.accepted,
        ...flat,
        readings,
      },
    });
    const acknowledged = (ackMs: number): void => {
      sent.acknowledgedMs = ackMs;
      sent.tries++;
    };
    return { topic: this.#topics.telemetry, payload, isRepeat, acknowledged };
  }

  /** The content depends only on the row, so that a repetition has the same. */
  #reading({ minute, alert }: Sent, seq: number, i: number): Reading {
    const at = this.#options.startedAt + minute * MINUTE_MS + i;
    if (alert !== null) return [seq, at, 'fall', alert === 'raised', { alert, incident: `fall-${this.outbox}` }];
    if (i % 6 === 4) return [seq, at, 'battery', 87];
    if (i % 6 === 5) return [seq, at, 'temperature', seq % TEMPERATURES];
    return [seq, at, SAFE[i % 6] ?? 'gas', false];
  }

  #presence(nowMs: number): Outgoing {
    this.#askedMs = nowMs;
    const { startedAt, telemetryEveryMs } = this.#options;
    const at = Math.round(startedAt + nowMs);
    const payload = JSON.stringify({
      ...{ thing: this.thing, session: `s-${this.thing}`, online: true, at, mark: [1, Math.round(nowMs)], boot: 1 },
      ...{ outboxes: [[this.outbox, this.accepted]], telemetry_every_ms: telemetryEveryMs, channels: [...SAFE, 'battery', 'temperature'] },
      power: { battery: 87, low: false, at },
    });
    return { topic: this.#topics.presence, payload, isRepeat: false, acknowledged: () => {} };
  }
}
