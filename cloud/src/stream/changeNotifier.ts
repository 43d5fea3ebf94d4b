// Notifies all instances that data of a robot may have changed, through LISTEN and NOTIFY of the database. A notification carries no data
// and may be lost (an instance crashes after its commit, a connection breaks), so every listener also polls. Notifications are collected
// and sent after the commit, because a NOTIFY in a transaction serializes all commits.

import type { Logger } from 'pino';
import { messageOf, parseJson, wait } from '../../../src/base/index.ts';
import type { Database } from '../database/index.ts';
import type { Message } from '../messages/index.ts';

const CHANNEL = 'elderly_bot_changes';
/** Changes within this many milliseconds of the first one share a notification. */
const COLLECT_MS = 50;
/** PostgreSQL limits a payload to 8,000 bytes. A longer list becomes {@link ALL}. */
const MAX_PAYLOAD_BYTES = 7_500;
/** The payload for all robots. */
const ALL = '';

export class ChangeNotifier {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #publishing: Promise<void> = Promise.resolve();
  #unsubscribe: () => Promise<void> = () => Promise.resolve();

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#db.listen(CHANNEL, (payload) => this.#received(payload));
  }

  /** Must be called after the commit. */
  changed(things: Iterable<string>): void {
    for (const thing of things) this.#changed.add(thing);
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#publish(), COLLECT_MS);
  }

  listenTo(thing: string): Listener {
    const listeners = this.#listeners.get(thing) ?? new Set();
    this.#listeners.set(thing, listeners);
    const listener = new Listener(() => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(thing);
    });
    listeners.add(listener);
    return listener;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#publishing;
    await this.#unsubscribe();
  }

  #publish(): void {
    this.#timer = undefined;
    const things = JSON.stringify([...this.#changed]);
    this.#changed.clear();
    const payload = Buffer.byteLength(things) > MAX_PAYLOAD_BYTES ? ALL : things;
    this.#publishing = this.#db.query('select pg_notify($1, $2)', [CHANNEL, payload]).then(
      () => {},
      (error: unknown) => this.#log.debug({ event: 'change_not_notified', reason: messageOf(error) }, 'streams will find the change later'),
    );
  }

  /** Ignores payloads of other programs on the same database. */
  #received(payload: string): void {
    const things = payload === ALL ? this.#listeners.keys() : parseJson(payload);
    if (typeof things !== 'object' || things === null || !(Symbol.iterator in things)) return;
    for (const thing of things as Iterable<string>) for (const listener of this.#listeners.get(thing) ?? []) listener.wake();
  }
}

/** Waits for notifications about one robot. A notification between two waits ends the next wait at once. */
export class Listener {
  readonly close: () => void;
  #woken = new AbortController();

  constructor(close: () => void) {
    this.close = close;
  }

  wake(): void {
    this.#woken.abort();
  }

  /** Resolves after a notification or after `ms`. */
  async wait(ms: number): Promise<void> {
    await wait(ms, this.#woken.signal);
    this.#woken = new AbortController();
  }
}

/** Returns the robots whose streams may have new events after the commit of these messages. */
export function changedBy(messages: readonly Message[]): string[] {
  return messages.flatMap((message) => {
    if (message.kind === 'poison') return message.alerting !== null && message.unreadAlerts.length > 0 ? [message.alerting] : [];
    const isShown = message.kind === 'rows' && (message.state !== null || message.alert || message.results.length > 0);
    return isShown ? [message.names.thing] : [];
  });
}
