// One channel: from a ROS message to a row, or to nothing. It remembers the last reading and whether its alert stands.
import { randomBytes } from 'node:crypto';
import type { ChannelConfig } from '../config/index.ts';
import type { NewRow } from '../outbox/index.ts';
import type { ReadingExtra, ReadingValue } from '../wire/index.ts';
import { type GateState, passes } from './gate.ts';
import { type FieldReader, fieldReader } from './path.ts';
import { convert } from './value.ts';

type Message = Readonly<Record<string, unknown>>;

export class Channel {
  readonly name: string;
  readonly config: ChannelConfig;
  readonly #field: FieldReader;
  #last: GateState | undefined;
  #incident: string | undefined;
  #messages = 0;
  #readings = 0;
  #lastMessageMs: number | undefined;

  /** @param standing the channel's last alert before this start, if any. */
  constructor(name: string, config: ChannelConfig, standing: ReadingExtra | undefined) {
    this.name = name;
    this.config = config;
    this.#field = fieldReader(config.field);
    this.#incident = standing?.alert === 'raised' ? (standing.incident ?? newIncident()) : undefined;
  }

  /** The row this message becomes, if any. A raised alert gets its incident id here, in the row that first says so. */
  accept(message: Message, nowMs: number): NewRow | undefined {
    this.#messages++;
    this.#lastMessageMs = nowMs;
    const { value, bad } = convert(this.#field(message), this.config);
    const alert = this.#alertChange(value);
    if (!alert && !passes(value, this.#last, nowMs, this.#rules())) return undefined;
    this.#last = { value, atMs: nowMs };
    this.#readings++;
    const stamp = stampOf(message);
    const extra: ReadingExtra = { ...alert, ...(bad ? { bad } : {}), ...(stamp === undefined ? {} : { stamp }) };
    return { class: alert ? 'alert' : 'telemetry', channel: this.name, value, extra };
  }

  status(nowMs: number) {
    return {
      name: this.name,
      topic: this.config.topic,
      value: this.#last?.value ?? null,
      messages: this.#messages,
      readings: this.#readings,
      age_ms: this.#lastMessageMs === undefined ? null : nowMs - this.#lastMessageMs,
      alert: this.#incident !== undefined,
    };
  }

  #alertChange(value: ReadingValue): ReadingExtra | undefined {
    if (this.config.class !== 'alert' || typeof value !== 'boolean') return undefined;
    if (value && this.#incident === undefined) {
      this.#incident = newIncident();
      return { alert: 'raised', incident: this.#incident };
    }
    if (!value && this.#incident !== undefined) {
      const incident = this.#incident;
      this.#incident = undefined;
      return { alert: 'cleared', incident };
    }
    return undefined;
  }

  #rules() {
    const { on, at_most_every, at_least_every, deadband } = this.config.report;
    return { on, atMostEveryMs: at_most_every, atLeastEveryMs: at_least_every, deadband };
  }
}

function newIncident(): string {
  return randomBytes(9).toString('base64url');
}

/** The stamp of a std_msgs/Header in milliseconds since 1970, where the message has one that was set. */
function stampOf(message: Message): number | undefined {
  const stamp = (message.header as { stamp?: { sec?: unknown; nanosec?: unknown; nsec?: unknown } } | undefined)?.stamp;
  const [sec, nanosec] = [stamp?.sec, stamp?.nanosec ?? stamp?.nsec];
  if (typeof sec !== 'number' || typeof nanosec !== 'number' || (sec === 0 && nanosec === 0)) return undefined;
  return sec * 1000 + Math.floor(nanosec / 1e6);
}
