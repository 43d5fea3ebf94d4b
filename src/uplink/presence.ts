// Publishes the robot's presence: online, its outboxes and commands, and its interval of telemetry. The presence is published again while a sent
// row has no receipt, before the interval becomes longer, and when the battery becomes low or is no longer low; and at the end, offline. The last
// will is a presence that the broker publishes.

import { every, type Ticker, wait } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { Lifetime } from '../state/index.ts';
import type { AnnouncedCommand, Mark, Power, Presence } from '../wire/index.ts';
import type { Link } from './session.ts';

export interface PresenceOptions {
  readonly thing: string;
  readonly topic: string;
  readonly version: string;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly commands: readonly AnnouncedCommand[];
  /** How long live telemetry waits now, in milliseconds. */
  readonly telemetryEveryMs: () => number;
  /** Without an error: acknowledged. */
  readonly onAnswer: (topic: string, error: Error | undefined) => void;
}

/** After so long without a receipt for an acknowledged row the robot publishes its presence again (docs/reference/protocol.md, Presence). */
const REPEAT_AFTER_MS = 90_000;
const REPEAT_AT_MOST_EVERY_MS = 300_000;
const LOOK_EVERY_MS = 10_000;

/** How long a goodbye may take before the connection is cut. */
const GOODBYE_MS = 1_500;

export class PresencePublisher {
  readonly #options: PresenceOptions;
  #repeatedMs = Number.NEGATIVE_INFINITY;
  #saidEveryMs = 0;
  #saidLow: boolean | undefined;
  #power: Power | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The last will of a session: its time and its power are those of the connect. The cloud ignores the time. */
  will(session: string): Presence {
    const { thing, clock } = this.#options;
    return { thing, session, online: false, at: clock.wall(), mark: this.#mark(), ...this.#powerField() };
  }

  /** @param power undefined: unknown, the last known value stays. */
  setPower(power: Power | undefined): void {
    this.#power = power ?? this.#power;
  }

  /** @param said called once the broker acknowledged or refused the presence. */
  say(link: Link, session: string, said: (error: Error | undefined) => void = () => {}): void {
    const { topic, onAnswer } = this.#options;
    link.publish(topic, JSON.stringify(this.#presence(session)), (error) => {
      onAnswer(topic, error);
      said(error);
    });
  }

  /** Publishes the presence again if the battery became low or is no longer low. */
  publishPower(link: Link, session: string): void {
    if (this.#power?.low !== this.#saidLow) this.say(link, session);
  }

  /** Publishes the presence again when it is due, until the ticker is stopped. @param lookEveryMs interval of the check. */
  repeat(link: Link, session: string, lookEveryMs = LOOK_EVERY_MS): Ticker {
    const { outbox, clock, telemetryEveryMs } = this.#options;
    return every(lookEveryMs, () => {
      const waitedMs = outbox.oldestUncoveredMs() ?? 0;
      const now = clock.mono();
      const isUncovered = waitedMs > REPEAT_AFTER_MS && now - this.#repeatedMs >= REPEAT_AT_MOST_EVERY_MS;
      // A shorter interval can wait for the next presence: the cloud does not miss a robot that publishes more often.
      if (!isUncovered && telemetryEveryMs() <= this.#saidEveryMs) return;
      if (isUncovered) this.#repeatedMs = now;
      this.say(link, session);
    });
  }

  /** Publishes the offline presence and closes, within GOODBYE_MS. */
  async goodbye(link: Link, session: string): Promise<void> {
    const goodbye = { ...this.#presence(session), online: false, reason: 'stopped' };
    const said = new Promise<void>((resolve) => link.publish(this.#options.topic, JSON.stringify(goodbye), () => resolve()));
    await Promise.race([said.then(() => link.close()), link.ended, wait(GOODBYE_MS, new AbortController().signal)]);
  }

  #presence(session: string): Presence {
    const { thing, clock, version, lifetime, outbox, commands, telemetryEveryMs } = this.#options;
    this.#saidEveryMs = telemetryEveryMs();
    this.#saidLow = this.#power?.low;
    return {
      thing,
      session,
      online: true,
      at: clock.wall(),
      mark: this.#mark(),
      version,
      boot: lifetime.boot,
      outboxes: outbox.answeredFor(),
      commands: [...commands],
      telemetry_every_ms: this.#saidEveryMs,
      ...this.#powerField(),
    };
  }

  #powerField(): { readonly power?: Power } {
    return this.#power ? { power: this.#power } : {};
  }

  #mark(): Mark {
    return [this.#options.lifetime.boot, this.#options.clock.mono()];
  }
}
