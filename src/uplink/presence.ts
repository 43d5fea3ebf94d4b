// Publishes presence: that the robot is online, with its outboxes, commands and telemetry interval. Repeats it if a receipt is overdue, if
// telemetry becomes slower, if the channels change, if the battery becomes low or is no longer low, and as a sign of life over a metered
// connection. A clean stop ends with an offline presence; if the connection is lost instead, the broker publishes the last will.

import { every, type Ticker, wait } from '../base/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Mark, Power, Presence } from '../wire/index.ts';
import { payloadLimit } from './brokerLimits.ts';
import { unanswered } from './connectError.ts';
import type { UplinkOptions } from './options.ts';
import type { Link } from './session.ts';

export interface PresenceOptions
  extends Pick<UplinkOptions, 'thing' | 'version' | 'storageFailed' | 'clock' | 'lifetime' | 'problems' | 'commands' | 'channels'> {
  readonly outbox: Pick<Outbox, 'oldestUncoveredMs' | 'unfinishedOutboxes'>;
  readonly topic: string;
  /** If the broker does not answer a presence within this time, the connection is cut. */
  readonly ackTimeoutMs: number;
  /** Returns the current interval of live telemetry, in milliseconds. */
  readonly telemetryEveryMs: () => number;
}

/** How long an acknowledged row may wait before its receipt is overdue (docs/reference/protocol.md, Presence). */
const REPEAT_AFTER_MS = 90_000;
const MIN_REPEAT_INTERVAL_MS = 300_000;
const CHECK_EVERY_MS = 10_000;

/** Over a metered connection, no telemetry shows that the robot is alive. The cloud reports a robot as silent after 15 minutes. */
const SIGN_OF_LIFE_MS = 300_000;

/** How long to wait for the offline presence to be acknowledged. */
const OFFLINE_WITHIN_MS = 1_500;

export class PresencePublisher {
  readonly #options: PresenceOptions;
  #repeatedMs = Number.NEGATIVE_INFINITY;
  #publishedEveryMs = 0;
  #publishedMs = 0;
  #publishedLow: boolean | undefined;
  #power: Pick<Presence, 'power'> = {};

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Returns a session's last will. The broker receives it in the CONNECT, long before it publishes it, so the cloud ignores its `at`. */
  will(session: string): Presence {
    const { thing, clock } = this.#options;
    return { thing, session, online: false, at: clock.wall(), mark: this.#mark(), ...this.#power };
  }

  /** @param power undefined if unknown; the last known value then stays in use. */
  setPower(power: Power | undefined): void {
    if (power) this.#power = { power };
  }

  /** @param done called once the broker has acknowledged or refused the presence. */
  publish(link: Link, session: string, done: (error: Error | undefined) => void = () => {}): void {
    const { topic, ackTimeoutMs, clock } = this.#options;
    if (this.#isReceiptOverdue) this.#repeatedMs = clock.mono();
    const deadline = setTimeout(() => link.drop(unanswered(`${topic} has no acknowledgement`, ackTimeoutMs)), ackTimeoutMs).unref();
    link.publish(topic, this.#fitting(link, session), (error) => {
      clearTimeout(deadline);
      done(error);
    });
  }

  /** Whether the battery has become low or is no longer low since the last presence. */
  get isPowerDue(): boolean {
    return this.#power.power?.low !== this.#publishedLow;
  }

  /** Calls `publish` whenever the presence is due again, until the ticker is stopped. */
  repeat(publish: () => void, isMetered: boolean, checkEveryMs = CHECK_EVERY_MS): Ticker {
    const { clock, telemetryEveryMs } = this.#options;
    return every(checkEveryMs, () => {
      const now = clock.mono();
      // The presence after a connect asks for overdue receipts too, so a robot that returns publishes only one.
      const isOverdue = this.#isReceiptOverdue && now - this.#repeatedMs >= MIN_REPEAT_INTERVAL_MS;
      // Only a longer interval is urgent: the cloud would report the robot as silent if it still expected telemetry at the shorter one.
      const isSlower = telemetryEveryMs() > this.#publishedEveryMs;
      const isSignOfLife = isMetered && now - this.#publishedMs >= SIGN_OF_LIFE_MS;
      if (!isOverdue && !isSlower && !isSignOfLife) return;
      if (isOverdue) this.#repeatedMs = now;
      publish();
    });
  }

  /** Publishes that the robot is offline and closes the connection. */
  async publishOffline(link: Link, session: string): Promise<void> {
    const offline = { ...this.#presence(session), online: false, reason: 'stopped' };
    const published = new Promise<void>((resolve) => link.publish(this.#options.topic, JSON.stringify(offline), () => resolve()));
    // A timer that is left over would keep the process alive.
    const over = new AbortController();
    await Promise.race([published.then(() => link.close()), link.ended, wait(OFFLINE_WITHIN_MS, over.signal)]);
    over.abort();
  }

  get #isReceiptOverdue(): boolean {
    return (this.#options.outbox.oldestUncoveredMs() ?? 0) > REPEAT_AFTER_MS;
  }

  /** Encodes the presence. Leaves out the commands and the channels if it would be larger than the broker accepts. */
  #fitting({ limits }: Pick<Link, 'limits'>, session: string): string {
    const { topic, problems } = this.#options;
    const { commands, channels, ...rest } = this.#presence(session);
    const most = payloadLimit(limits, topic);
    const forms = [{ ...rest, commands, channels }, { ...rest, channels }, rest].map((form) => JSON.stringify(form));
    const fitting = forms.findIndex((text) => Buffer.byteLength(text) <= most);
    const missing = ['', 'the commands', 'the commands and the channels'][fitting] ?? 'the commands and the channels';
    const text = `the broker accepts packets of at most ${limits.maxPacketBytes} bytes, so the presence leaves out ${missing}`;
    problems.set('broker_packet_limit', missing === '' ? undefined : text);
    return forms[fitting] ?? withFewerOutboxes(rest, most);
  }

  #presence(session: string): Presence {
    const { thing, clock, version, storageFailed, lifetime, outbox, commands, channels, telemetryEveryMs } = this.#options;
    this.#publishedEveryMs = telemetryEveryMs();
    this.#publishedMs = clock.mono();
    this.#publishedLow = this.#power.power?.low;
    return {
      thing,
      session,
      online: true,
      at: clock.wall(),
      mark: this.#mark(),
      version,
      boot: lifetime.boot,
      outboxes: outbox.unfinishedOutboxes(),
      commands: [...commands],
      channels: [...channels()],
      telemetry_every_ms: this.#publishedEveryMs,
      ...this.#power,
      ...(storageFailed ? { storage: 'failed' as const } : {}),
    };
  }

  #mark(): Mark {
    return this.#options.lifetime.mark(this.#options.clock.mono());
  }
}

/**
 * Encodes a presence that is too large because a robot has started very often without its cloud: with its open outbox, which is the last one,
 * and as many of the oldest as fit. Once receipts cover those, a later presence lists the next ones.
 */
function withFewerOutboxes<T extends Partial<Pick<Presence, 'outboxes'>>>(presence: T, most: number): string {
  let { outboxes = [] } = presence;
  let text = JSON.stringify(presence);
  while (outboxes.length > 1 && Buffer.byteLength(text) > most) {
    outboxes = [...outboxes.slice(0, Math.floor((outboxes.length - 1) / 2)), ...outboxes.slice(-1)];
    text = JSON.stringify({ ...presence, outboxes });
  }
  return text;
}
