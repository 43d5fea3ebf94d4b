// Announces at the robot that the cloud has not confirmed an alert: publishes the configured ROS messages, reports this as a problem, and
// remembers it over a restart. Only the outbox and time can trigger it; commands have no way to it.
import * as z from 'zod';
import { every, messageOf, parseJson } from '../../base/index.ts';
import { publishAll } from '../../commands/index.ts';
import { type Announcement, announcementsOf, type LoadedConfig, type ReflexConfig } from '../../config/index.ts';
import { checkReflex, EntryFindings, installedHere } from '../../configCheck/index.ts';
import { AgentError } from '../../errors.ts';
import { Notes, type RowName } from '../../outbox/index.ts';
import type { RosPublisher } from '../../ros/index.ts';
import type { Status } from '../../status/index.ts';
import type { Parts } from '../lifecycle/parts.ts';
import { configured } from '../sensing/subscription.ts';
import { ReflexDecision, stillAnnounced } from './decision.ts';

const CHECK_EVERY_MS = 1_000;

/** The note's name in the outbox file. */
const NOTE = 'reflex';

/** The standing announcement, with the wall time of its last repetition. */
const memory = z.object({
  alerts: z.array(
    z.object({ channel: z.string(), incident: z.string(), row: z.object({ outbox: z.string(), seq: z.number() }).nullable() }),
  ),
  repeats: z.number(),
  at: z.number(),
});

export interface ReflexParts extends Pick<Parts, 'loaded' | 'ros' | 'db' | 'outbox' | 'clock' | 'problems' | 'log'> {
  readonly lifetime: Pick<Parts['lifetime'], 'receiptsSeen'>;
  /** Whether the broker is connected. */
  readonly isConnected: () => boolean;
}

interface Speaker extends Announcement {
  readonly publisher: RosPublisher;
}

export class Reflex {
  readonly #parts: ReflexParts;
  readonly #notes: Notes;
  readonly #decision = new ReflexDecision();
  readonly #ticker = every(CHECK_EVERY_MS, () => this.check());
  #config: ReflexConfig | null = null;
  #channels: LoadedConfig['config']['channels'] = {};
  #speakers: readonly Speaker[] = [];
  /** Why the reflex cannot publish. */
  #off: string | undefined;
  /** The last alert row that the decision has seen. */
  #seen: RowName | undefined;
  #wasHeard = false;
  #announcements = 0;

  constructor(parts: ReflexParts) {
    this.#parts = parts;
    this.#notes = new Notes(parts.db);
    if (parts.loaded.config.reflex !== null) this.#restore();
    this.apply(parts.loaded);
  }

  /** Applies a new configuration. An announcement that stands is neither repeated nor forgotten because of it. */
  apply({ config, ...layers }: LoadedConfig): void {
    const { reflex } = config;
    this.#channels = config.channels;
    if (reflex === null) this.#abandon();
    if (JSON.stringify(reflex) === JSON.stringify(this.#config) && this.#off === undefined) return;
    this.#config = reflex;
    for (const { publisher } of this.#speakers) publisher.close();
    this.#speakers = [];
    this.#wasHeard = false;
    this.#setOff(reflex ? this.#open(reflex, layers) : undefined);
    this.check();
    if (reflex === null) this.#parts.problems.clear('reflex_unheard');
  }

  /** Must be called regularly, because neither time nor a receipt calls back. */
  check(): void {
    const { outbox, clock, problems } = this.#parts;
    const rows = outbox.alertRows(this.#seen);
    this.#seen = rows.findLast(({ name }) => name !== undefined)?.name ?? this.#seen;
    const nowMs = clock.mono();
    this.#decision.follow(rows, nowMs, clock.wall());
    const config = this.#config;
    if (config === null) return;
    const unheard = this.#unheard;
    problems.set('reflex_unheard', unheard.length > 0 ? `no node subscribes to ${unheard.join(', ')}` : undefined);
    const isHeard = this.#speakers.some(isHeardBy);
    const step = this.#decision.step({ nowMs, config, isWatched: this.#isWatched, isDelivered: (row) => outbox.isDelivered(row) });
    // DDS matches the publisher a moment before the subscription, so a message to a subscription that has just appeared may get lost.
    if (step === 'announce' && isHeard && this.#wasHeard) this.#announce(config, nowMs);
    else if (step === 'confirmed' || step === 'cleared') this.#end(step);
    this.#wasHeard = isHeard;
  }

  status(): Status['reflex'] {
    if (this.#config === null) return null;
    const { lastMs, unconfirmed } = this.#decision;
    return {
      state: this.#off !== undefined ? 'off' : unconfirmed.length > 0 ? 'fired' : 'armed',
      reason: this.#off ?? null,
      topics: announcementsOf(this.#config).map(({ topic }) => topic),
      unheard: this.#unheard,
      after_ms: this.#config.after,
      waiting: this.#decision.waiting(this.#isWatched),
      announced: unconfirmed.map(({ channel }) => channel),
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

  get #unheard(): string[] {
    return this.#speakers.flatMap((speaker) => (isHeardBy(speaker) ? [] : [speaker.topic]));
  }

  /** Creates the publishers before an emergency, so that their subscriptions are discovered. @returns why the reflex cannot publish. */
  #open(reflex: ReflexConfig, layers: Omit<LoadedConfig, 'config'>): string | undefined {
    const findings = new EntryFindings(['reflex'], layers);
    const definitions = installedHere();
    if (definitions) checkReflex(reflex, definitions, findings);
    const fault = findings.list.find(({ severity }) => severity === 'error');
    if (fault) return `${layers.place(fault.path)}: ${fault.reason}`;
    try {
      this.#speakers = announcementsOf(reflex).map((each) => {
        const advertise = () => this.#parts.ros.advertise(each.topic, each.type, each.qos);
        return { ...each, publisher: configured(layers.place, ['reflex', 'type'], advertise) };
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      return error.line;
    }
  }

  #setOff(reason: string | undefined): void {
    this.#off = reason;
    this.#parts.problems.set('reflex_off', reason);
  }

  /** Publishes first and records afterwards, so that a full or broken disk does not silence the robot. */
  #announce(config: ReflexConfig, nowMs: number): void {
    if (!this.#publish('message')) return;
    this.#decision.announced(nowMs, this.#isWatched);
    this.#announcements++;
    const names = this.#decision.unconfirmed.map(({ channel }) => channel);
    const times = this.#decision.repeats + 1;
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

  #end(outcome: 'confirmed' | 'cleared'): void {
    const texts = { confirmed: 'the cloud has confirmed an announced alert', cleared: 'all announced alerts have ended unconfirmed' };
    this.#parts.log.info({ event: 'reflex_ended', outcome }, texts[outcome]);
    this.#publish(outcome === 'confirmed' ? 'message_confirmed' : 'message_cleared');
    this.#parts.problems.clear('reflex_fired');
    this.#remember();
  }

  /** A reload has removed the reflex, so a siren must not sound for ever. */
  #abandon(): void {
    if (this.#decision.unconfirmed.length === 0) return;
    this.#decision.abandon();
    this.#end('cleared');
  }

  /** @returns whether messages were published. A failure is a problem until a later publication succeeds. */
  #publish(key: 'message' | 'message_confirmed' | 'message_cleared'): boolean {
    const used = this.#speakers.flatMap((speaker) => {
      const message = speaker[key];
      return message === undefined ? [] : [{ publisher: speaker.publisher, message }];
    });
    try {
      publishAll(
        used.map(({ publisher }) => publisher),
        used,
      );
      if (used.length > 0) this.#setOff(undefined);
      return used.length > 0;
    } catch (error) {
      this.#setOff(messageOf(error));
      return false;
    }
  }

  #restore(): void {
    const { outbox, clock } = this.#parts;
    const noted = memory.safeParse(parseJson(this.#notes.read(NOTE))).data;
    if (!noted) return;
    const isDelivered = (row: RowName) => outbox.isDelivered(row);
    const left = stillAnnounced(noted.alerts, outbox.alertRows(), outbox.lastAlerts(), isDelivered);
    this.#decision.restore(left, noted.repeats, Math.min(0, clock.mono() - (clock.wall() - noted.at)));
    if (left.length > 0) {
      const names = left.map(({ channel }) => channel).join(', ');
      this.#parts.problems.raise('reflex_fired', `${names}: announced before this start, and not confirmed since`);
    }
  }

  /** Stores the announced alerts without a confirmation. If the disk fails, a restart may announce again. */
  #remember(): void {
    const { clock, log } = this.#parts;
    const { unconfirmed, repeats } = this.#decision;
    try {
      this.#notes.write(NOTE, JSON.stringify({ alerts: [...unconfirmed], repeats, at: clock.wall() } satisfies z.infer<typeof memory>));
    } catch (error) {
      log.error({ event: 'reflex_unsaved', err: error }, 'the announcement could not be stored; a restart may repeat it');
    }
  }
}

/** A latched publisher keeps its message for subscriptions that come later. */
function isHeardBy({ publisher, qos }: Speaker): boolean {
  return publisher.subscribers > 0 || qos.durability === 'transient_local';
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
