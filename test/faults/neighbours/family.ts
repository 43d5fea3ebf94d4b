// A member of the healthy robot's family, whose browser follows the stream of events and connects again as the server asks.
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStream } from '../../../cloud/test/support/eventStream.ts';
import type { Queries } from '../../../scripts/lab/kept.ts';
import { monotonicNs } from '../../support/network/witness.ts';

const PHONE = '+390612345678';
const PASSWORD = 'correct horse';
/** The `retry` of the stream (cloud/src/stream/events.ts). */
const RETRY_MS = 3_000;

export class Family {
  /** When each incident of a fall first appeared, in nanoseconds of CLOCK_MONOTONIC. */
  readonly shown = new Map<string, number>();
  /** How often the stream ended or could not be opened. */
  breaks = 0;
  readonly #url: string;
  readonly #token: string;
  readonly #left = new AbortController();
  #stream: EventStream | undefined;
  #lastId: string | undefined;
  #following: Promise<void> = Promise.resolve();

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  static async join(origin: string, database: Queries, thing: string): Promise<Family> {
    const answer = await fetch(`${origin}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ phone: PHONE, password: PASSWORD }),
    });
    if (!answer.ok) throw new Error(`registering answered ${answer.status}: ${await answer.text()}`);
    const { access_token: token } = (await answer.json()) as { access_token: string };
    await database.query('insert into members (thing, user_id) select $1, id from users where phone = $2', [thing, PHONE]);
    const family = new Family(`${origin}/telemetry/stream?thing=${thing}`, token);
    await family.#open();
    family.#following = family.#follow();
    return family;
  }

  async stop(): Promise<void> {
    this.#left.abort();
    await this.#stream?.leave().catch(() => {});
    await this.#following;
  }

  async #open(): Promise<void> {
    const stream = await EventStream.open(this.#url, this.#token, this.#lastId, ({ id, name, data }) => {
      if (id !== null) this.#lastId = id;
      const { channel, incident } = data;
      if (name !== 'alert' || channel !== 'fall' || typeof incident !== 'string' || this.shown.has(incident)) return;
      this.shown.set(incident, monotonicNs());
    });
    if (stream.status !== 200) throw new Error(`the stream answered ${stream.status}`);
    this.#stream = stream;
  }

  async #follow(): Promise<void> {
    while (!this.#left.signal.aborted) {
      await this.#stream?.ended.catch(() => {});
      if (this.#left.signal.aborted) return;
      this.breaks++;
      await sleep(RETRY_MS, undefined, { signal: this.#left.signal }).catch(() => {});
      this.#stream = undefined;
      if (!this.#left.signal.aborted) await this.#open().catch(() => {});
    }
  }
}
