// Announces at the robot that the cloud has not confirmed an alert: publishes the configured ROS messages and reports this as a problem. Only
// the outbox and time can trigger it; commands have no way to it.
import { every, type Ticker } from '../../base/index.ts';
import { announcementsOf, type LoadedConfig, type ReflexConfig } from '../../config/index.ts';
import type { RowName } from '../../outbox/index.ts';
import type { Status } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { ReflexDecision, stillAnnounced } from './decision.ts';
import { ReflexMemory } from './memory.ts';
import { type Kind, Speakers } from './speakers.ts';

const CHECK_EVERY_MS = 1_000;

/** How long the message at the end waits for its subscriptions, which a restarted agent has to discover first. Later it would confuse. */
const FAREWELL_WITHIN_MS = 60_000;

export interface ReflexParts extends Pick<Parts, 'loaded' | 'ros' | 'db' | 'outbox' | 'clock' | 'problems' | 'log'> {
  readonly lifetime: Pick<Parts['lifetime'], 'receiptsSeen'>;
  /** Whether the broker is connected. */
  readonly isConnected: () => boolean;
}

export class Reflex {
  readonly #parts: ReflexParts;
  readonly #memory: ReflexMemory;
  readonly #decision = new ReflexDecision();
  readonly #speakers = new Speakers();
  readonly #ticker: Ticker;
  #config: ReflexConfig | null = null;
  #channels: LoadedConfig['config']['channels'] = {};
  /** The last alert row that the decision has seen. */
  #seen: RowName | undefined;
  #farewell: { readonly kind: Kind; readonly untilMs: number } | undefined;
  #announcements = 0;

  constructor(parts: ReflexParts) {
    this.#parts = parts;
    this.#memory = new ReflexMemory(parts.db);
    if (parts.loaded.config.reflex !== null) this.#restore();
    this.apply(parts.loaded);
    this.#ticker = every(CHECK_EVERY_MS, () => this.check());
  }

  /** Applies a new configuration. An announcement that stands is neither repeated nor forgotten because of it. */
  apply({ config, ...layers }: LoadedConfig): void {
    const { reflex } = config;
    this.#channels = config.channels;
    if (reflex === null) this.#abandon();
    const isSame = JSON.stringify(reflex) === JSON.stringify(this.#config);
    this.#config = reflex;
    if (!isSame || this.#speakers.fault !== undefined) this.#speakers.open(reflex, this.#parts.ros, layers);
    this.check();
  }

  /** Must be called regularly, because neither time nor a receipt calls back. */
  check(): void {
    const { outbox, clock } = this.#parts;
    const config = this.#config;
    if (config !== null) {
      const nowMs = clock.mono();
      const rows = outbox.alertRows(this.#seen);
      this.#seen = rows.findLast(({ name }) => name !== undefined)?.name ?? this.#seen;
      this.#decision.follow(rows, nowMs, clock.wall());
      this.#speakers.look();
      const isDelivered = (row: RowName) => outbox.isDelivered(row);
      const step = this.#decision.step({ nowMs, config, isWatched: this.#isWatched, isDelivered });
      if (step === 'announce' && this.#speakers.isHeard('message')) this.#announce(config, nowMs);
      else if (step === 'confirmed' || step === 'cleared') this.#end(step, nowMs);
      this.#sayFarewell(nowMs);
    }
    this.#report();
  }

  status(): Status['reflex'] {
    if (this.#config === null) return null;
    const { lastMs } = this.#decision;
    const announced = this.#names;
    const { fault, unheard } = this.#speakers;
    return {
      state: fault !== undefined ? 'off' : announced.length > 0 ? 'fired' : 'armed',
      reason: fault ?? null,
      topics: announcementsOf(this.#config).map(({ topic }) => topic),
      unheard,
      after_ms: this.#config.after,
      waiting: this.#decision.waiting(this.#isWatched),
      announced,
      announcements: this.#announcements,
      last_ms: lastMs === undefined ? null : this.#parts.clock.mono() - lastMs,
    };
  }

  stop(): void {
    this.#ticker.stop();
  }

  readonly #isWatched = (channel: string): boolean => {
    const names = this.#config?.channels ?? [];
    return names === 'all' ? this.#channels[channel]?.class === 'alert' : names.includes(channel);
  };

  /** The announced alerts without a confirmation. */
  get #names(): string[] {
    return [...new Set(this.#decision.unconfirmed.map(({ channel }) => channel))];
  }

  #report(): void {
    const { problems } = this.#parts;
    const { fault, unheard } = this.#speakers;
    problems.set('reflex_off', fault);
    problems.set('reflex_unheard', unheard.length > 0 ? `no node subscribes to ${unheard.join(', ')}` : undefined);
  }

  /** Publishes first and records afterwards, so that a full or broken disk does not silence the robot. */
  #announce(config: ReflexConfig, nowMs: number): void {
    if (!this.#speakers.publish('message')) return;
    this.#farewell = undefined;
    this.#decision.announced(nowMs, this.#isWatched);
    this.#announcements++;
    const [names, times] = [this.#names, this.#decision.repeats + 1];
    const text = announcedText({ names, times, config, why: this.#why() });
    this.#parts.log.warn({ event: 'reflex', alerts: names, times }, text);
    this.#parts.problems.raise('reflex_fired', text);
    this.#remember();
  }

  #why(): string {
    const { lifetime, isConnected } = this.#parts;
    if (!isConnected()) return 'the broker is not connected';
    return lifetime.receiptsSeen
      ? 'the broker is connected, but the cloud sends no receipt'
      : 'the broker is connected, but no cloud has ever sent this robot a receipt';
  }

  #end(outcome: 'confirmed' | 'cleared', nowMs: number): void {
    const texts = { confirmed: 'the cloud has confirmed an announced alert', cleared: 'all announced alerts have ended unconfirmed' };
    this.#parts.log.info({ event: 'reflex_ended', outcome }, texts[outcome]);
    this.#farewell = { kind: outcome === 'confirmed' ? 'message_confirmed' : 'message_cleared', untilMs: nowMs + FAREWELL_WITHIN_MS };
    this.#parts.problems.clear('reflex_fired');
    this.#remember();
  }

  #sayFarewell(nowMs: number): void {
    if (!this.#farewell) return;
    const { kind, untilMs } = this.#farewell;
    if (!this.#speakers.isHeardByAll(kind) && nowMs < untilMs) return;
    this.#farewell = undefined;
    this.#speakers.publish(kind);
  }

  /** A reload has removed the reflex, so a siren must not sound for ever. */
  #abandon(): void {
    if (this.#decision.unconfirmed.length > 0) {
      this.#decision.abandon();
      this.#end('cleared', this.#parts.clock.mono());
    }
    this.#sayFarewell(Number.POSITIVE_INFINITY);
  }

  #restore(): void {
    const { outbox, clock, problems } = this.#parts;
    const stored = this.#memory.read();
    if (!stored) return;
    const isDelivered = (row: RowName) => outbox.isDelivered(row);
    const left = stillAnnounced(stored.alerts, outbox.alertRows(), outbox.lastAlerts(), isDelivered);
    if (left.length === 0) return;
    this.#decision.restore(left, stored.repeats, Math.min(0, clock.mono() - (clock.wall() - stored.at)));
    problems.raise('reflex_fired', `${this.#names.join(', ')}: announced before this start, and not confirmed since`);
  }

  /** Stores the announced alerts without a confirmation. If the disk fails, a restart may announce again. */
  #remember(): void {
    const { clock, log } = this.#parts;
    const { unconfirmed, repeats } = this.#decision;
    try {
      this.#memory.write({ alerts: unconfirmed, repeats, at: clock.wall() });
    } catch (error) {
      log.error({ event: 'reflex_unsaved', err: error }, 'the announcement could not be stored; a restart may repeat it');
    }
  }
}

interface AnnouncedFacts {
  readonly names: readonly string[];
  readonly times: number;
  readonly config: ReflexConfig;
  readonly why: string;
}

function announcedText({ names, times, config, why }: AnnouncedFacts): string {
  const topics = announcementsOf(config).map(({ topic }) => topic);
  const often = times === 1 ? '' : `, ${times} times so far`;
  return `the cloud did not confirm ${names.join(', ')} within ${config.after / 1_000} s (${why}); the agent published on ${topics.join(' and ')}${often}`;
}
