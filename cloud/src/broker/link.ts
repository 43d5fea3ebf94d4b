// Keeps a session with the broker and reconnects with exponential backoff. It tries MQTT 5 first, and 3.1.1 if the broker refuses 5.

import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, messageOf, wait } from '../../../src/base/index.ts';
import { type ProtocolVersion, Session, type SessionOptions } from './session.ts';

/** AWS IoT Core accepts one CONNECT per second and client id. */
const RECONNECT: BackoffLimits = { minMs: 1_000, maxMs: 60_000 };
/** A session that lasted this long resets the count of failures. */
const GOOD_SESSION_MS = 30_000;

export interface LinkOptions extends SessionOptions {
  readonly log: Logger;
  /** Names the log's events, `<name>_subscribed` and `<name>_lost`. */
  readonly name?: string;
  /** Called after each subscription. */
  readonly onSubscribed?: () => void;
  readonly backoff?: BackoffLimits;
}

export type LinkState = 'connecting' | 'subscribed' | 'stopped';

export class BrokerLink {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  #session: Session | null = null;
  #state: LinkState = 'connecting';
  readonly #firstSubscription = new AbortController();
  #failures = 0;
  /** Ends the wait for the next attempt. */
  #hurry = new AbortController();
  #lastReason = '';
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

  /** Resolves after the first subscription, or after `timeoutMs`. */
  async subscribed(timeoutMs: number): Promise<boolean> {
    await wait(timeoutMs, this.#firstSubscription.signal);
    return this.#state === 'subscribed';
  }

  /** Connects without further delay, because another link has reached the broker. */
  hurry(): void {
    this.#hurry.abort();
  }

  async publish(topic: string, payload: string): Promise<void> {
    if (!this.#session) throw new Error('not connected to the broker');
    await this.#session.publish(topic, payload);
  }

  /** Unsubscribes. Received messages can still be acknowledged until {@link stop}. */
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
    const { backoff = RECONNECT } = this.#options;
    while (!this.#stop.signal.aborted) {
      const startedMs = performance.now();
      const version = await this.#runSession(5);
      if (version === 'refused') await this.#runSession(4);
      this.#session = null;
      this.#state = 'connecting';
      if (performance.now() - startedMs > GOOD_SESSION_MS) this.#failures = 0;
      this.#failures++;
      const untilMs = backoffMs(this.#failures, backoff, Math.random());
      await wait(Math.min(backoff.minMs, untilMs), this.#stop.signal);
      this.#hurry = new AbortController();
      await wait(untilMs - backoff.minMs, AbortSignal.any([this.#stop.signal, this.#hurry.signal]));
    }
  }

  async #runSession(version: ProtocolVersion): Promise<'ended' | 'refused'> {
    const { log, name = 'broker' } = this.#options;
    const session = new Session(this.#options, version);
    this.#session = session;
    if (await session.open()) {
      this.#state = 'subscribed';
      const facts = { mqtt: version === 5 ? '5' : '3.1.1', shared: session.shared, failures: this.#failures };
      log.info({ event: `${name}_subscribed`, ...facts }, 'subscribed at the broker');
      this.#lastReason = '';
      this.#firstSubscription.abort();
      this.#options.onSubscribed?.();
    }
    await session.closed();
    if (session.refusedVersion && version === 5) return 'refused';
    if (!this.#stop.signal.aborted) this.#report(session.error ? messageOf(session.error) : 'the broker closed the connection');
    return 'ended';
  }

  /** Logs repeated failures once. */
  #report(reason: string): void {
    if (reason === this.#lastReason) return;
    this.#lastReason = reason;
    const { log, name = 'broker', endpoint } = this.#options;
    const { host, port } = endpoint;
    log.warn({ event: `${name}_lost`, host, port, reason }, 'no connection to the broker; the cloud will try again');
  }
}
