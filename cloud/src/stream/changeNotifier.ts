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

export class Wakes {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #ears = new Map<string, Set<Ear>>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #saying: Promise<void> = Promise.resolve();
  #deaf: () => Promise<void> = () => Promise.resolve();

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#deaf = await this.#db.listen(CHANNEL, (word) => this.#hear(word));
  }

  /** Called after the commit. */
  changed(things: Iterable<string>): void {
    for (const thing of things) this.#changed.add(thing);
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#say(), GATHER_MS);
  }

  listenTo(thing: string): Ear {
    const ears = this.#ears.get(thing) ?? new Set();
    this.#ears.set(thing, ears);
    const ear = new Ear(() => {
      ears.delete(ear);
      if (ears.size === 0) this.#ears.delete(thing);
    });
    ears.add(ear);
    return ear;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#saying;
    await this.#deaf();
  }

  #say(): void {
    this.#timer = undefined;
    const things = JSON.stringify([...this.#changed]);
    this.#changed.clear();
    const word = Buffer.byteLength(things) > MAX_WORD_BYTES ? ALL : things;
    this.#saying = this.#db.query('select pg_notify($1, $2)', [CHANNEL, word]).then(
      () => {},
      (error: unknown) => this.#log.debug({ event: 'change_not_notified', reason: messageOf(error) }, 'streams find it by themselves'),
    );
  }

  #hear(word: string): void {
    const things = word === ALL ? this.#ears.keys() : thingsIn(word);
    for (const thing of things) for (const ear of this.#ears.get(thing) ?? []) ear.wake();
  }
}

/** One listener to one robot. A word between two waits is not lost. */
export class Ear {
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
