// "Something of this robot may be new": said by whoever committed it, heard by every instance through the database's LISTEN and
// NOTIFY. It carries no data and may be lost (an instance that dies between commit and word, a connection that breaks), so whoever
// listens looks again now and then by itself. Words are gathered, and said after the commit: a NOTIFY is a lock on all commits.

import type { Logger } from 'pino';
import { messageOf } from '../../../src/base/index.ts';
import type { Database } from '../database/index.ts';
import type { Message } from '../messages/index.ts';

const CHANNEL = 'elderly_bot_changes';
/** What changes within this time is said at once. */
const GATHER_MS = 50;
/** PostgreSQL takes 8,000 bytes; the rest would be one word for all. */
const MAX_WORD_BYTES = 7_500;
/** For every robot. */
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
    this.#unsubscribe = await this.#db.listen(CHANNEL, (word) => this.#received(word));
  }

  /** Called after the commit. */
  changed(things: Iterable<string>): void {
    for (const thing of things) this.#changed.add(thing);
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#publish(), GATHER_MS);
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
    const word = Buffer.byteLength(things) > MAX_WORD_BYTES ? ALL : things;
    this.#publishing = this.#db.query('select pg_notify($1, $2)', [CHANNEL, word]).then(
      () => {},
      (error: unknown) => this.#log.debug({ event: 'change_not_notified', reason: messageOf(error) }, 'streams find it by themselves'),
    );
  }

  #received(word: string): void {
    const things = word === ALL ? this.#listeners.keys() : thingsIn(word);
    for (const thing of things) for (const listener of this.#listeners.get(thing) ?? []) listener.wake();
  }
}

/** One listener to one robot. A word between two waits is not lost. */
export class Listener {
  readonly close: () => void;
  #heard = false;
  #wake = (): void => {};

  constructor(close: () => void) {
    this.close = close;
  }

  wake(): void {
    this.#heard = true;
    this.#wake();
  }

  /** Resolves when something was heard since the last time, when the signal fires, or after `ms`. @returns whether something was heard. */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#heard && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', finish);
          resolve();
        };
        const timer = setTimeout(finish, ms);
        signal.addEventListener('abort', finish);
        this.#wake = finish;
      });
    }
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }
}

/** The robots of which these messages, committed, may have something new for a stream. */
export function changedBy(messages: readonly Message[]): string[] {
  return messages.flatMap((message) =>
    message.kind === 'rows' && (message.state !== null || message.alert || message.results.length > 0) ? [message.names.thing] : [],
  );
}

/** Of another program on the same database: nothing of ours. */
function thingsIn(word: string): string[] {
  try {
    const things: unknown = JSON.parse(word);
    return Array.isArray(things) ? things.filter((thing) => typeof thing === 'string') : [];
  } catch {
    return [];
  }
}
