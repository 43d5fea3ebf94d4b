// Keeps one session with the broker alive: MQTT 5 first, 3.1.1 if the broker refuses 5. Each failure makes the wait before the next
// try longer.

import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, messageOf, wait } from '../../../src/base/index.ts';
import { type ProtocolVersion, Session, type SessionOptions } from './session.ts';

/** AWS IoT Core takes one CONNECT a second from a client. */
const RECONNECT: BackoffLimits = { minMs: 1_000, maxMs: 60_000 };
/** After a session that lasted this long the failures count from 0 again. */
const GOOD_SESSION_MS = 30_000;

export interface LinkOptions extends SessionOptions {
  readonly log: Logger;
  readonly backoff?: BackoffLimits;
  readonly random?: () => number;
}

export type LinkState = 'connecting' | 'subscribed' | 'stopped';

export class BrokerLink {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  #session: Session | null = null;
  #state: LinkState = 'connecting';
  #waiting: (() => void)[] = [];
  #failures = 0;
  #lastWhy = '';
  #running: Promise<void> = Promise.resolve();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Resolves when the first subscription is in place, or after `timeoutMs`. */
  async subscribed(timeoutMs: number): Promise<boolean> {
    if (this.#state === 'connecting') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return this.#state === 'subscribed';
  }

  async publish(topic: string, payload: string): Promise<void> {
    if (!this.#session) throw new Error('not connected to the broker');
    await this.#session.publish(topic, payload);
  }

  /** Takes no more messages. Messages that were taken can still be acknowledged until {@link stop}. */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#session?.leave();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#session?.end();
    await this.#running;
    this.#state = 'stopped';
  }

  async #run(): Promise<void> {
    const { backoff = RECONNECT, random = Math.random } = this.#options;
    while (!this.#stop.signal.aborted) {
      const startedMs = performance.now();
      const version = await this.#runSession(5);
      if (version === 'refused') await this.#runSession(4);
      this.#session = null;
      this.#state = 'connecting';
      if (performance.now() - startedMs > GOOD_SESSION_MS) this.#failures = 0;
      this.#failures++;
      await wait(backoffMs(this.#failures, backoff, random()), this.#stop.signal);
    }
  }

  /** One session to its end. */
  async #runSession(version: ProtocolVersion): Promise<'ended' | 'refused'> {
    const { log } = this.#options;
    const session = new Session(this.#options, version);
    this.#session = session;
    if (await session.open()) {
      this.#state = 'subscribed';
      const facts = { mqtt: version === 5 ? '5' : '3.1.1', shared: session.shared, failures: this.#failures };
      log.info({ event: 'broker_subscribed', ...facts }, 'taking messages');
      this.#lastWhy = '';
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    await session.closed();
    if (session.refusedVersion && version === 5) return 'refused';
    if (!this.#stop.signal.aborted) this.#report(session.error ? messageOf(session.error) : 'the broker closed the connection');
    return 'ended';
  }

  /** Logs the same failure once. */
  #report(why: string): void {
    if (why === this.#lastWhy) return;
    this.#lastWhy = why;
    const { endpoint, log } = this.#options;
    log.warn({ event: 'broker_lost', host: endpoint.host, port: endpoint.port, reason: why }, 'no broker; trying again until there is one');
  }
}
