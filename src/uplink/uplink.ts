// The link to the broker for as long as the agent lives: connect, say who is here, drain, and when the connection ends for
// whatever reason, wait with backoff and do it again. It never gives up, and never stops sensing.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { type BackoffLimits, backoffMs, type Clock, type Lifetime, STABLE_AFTER_MS, wait } from '../clock/index.ts';
import { messageOf } from '../errors.ts';
import type { Credentials } from '../identity/index.ts';
import type { Outbox } from '../outbox/index.ts';
import type { BudgetStatus, LinkStatus, ProblemCode, Problems } from '../status/index.ts';
import { type AnnouncedCommand, topicsOf } from '../wire/index.ts';
import { type Answer, Asker } from './asking.ts';
import { Budget } from './budget.ts';
import { connectCause, refusesVersion } from './causes.ts';
import { Greeting } from './greeting.ts';
import type { UplinkMemory } from './memory.ts';
import type { Proof } from './prove.ts';
import { Pump } from './pump.ts';
import { Quota, type QuotaLimits } from './quota.ts';
import { receiveReceipt } from './receive.ts';
import { nextRoute, type Route, routesOf } from './routes.ts';
import { type Connect, ConnectError, type Link, type Message, Session } from './session.ts';
import { TAKEOVER_WAIT_MS, TakeoverWatch } from './takeover.ts';
import { TopicAnswers } from './topicAnswers.ts';
import { Trial } from './trial.ts';

export interface UplinkOptions {
  readonly thing: string;
  readonly topicPrefix: string;
  readonly host: string;
  /** Undefined: 8883, and 443 with ALPN where that does not get through. */
  readonly port: number | undefined;
  readonly credentials: Credentials;
  readonly version: string;
  readonly intervalMs: number;
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly window: number;
  readonly backoff: BackoffLimits;
  readonly quota: QuotaLimits;
  /** Metered messages a month; null: no budget. */
  readonly budget: number | null;
  readonly memory: UplinkMemory;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly problems: Problems;
  readonly log: Logger;
  readonly commands: readonly AnnouncedCommand[];
  readonly onCommand: (message: Message) => void;
  /** A connection that was up is over, for whatever reason. */
  readonly onLinkLost: () => void;
  readonly onAck: (latencyMs: number, rows: number) => void;
  /** How a connection is made; MQTT over TLS where nothing is said. */
  readonly connect?: Connect;
}

/** The problems of which one at a time is why there is no link. */
const LINK_PROBLEMS: readonly ProblemCode[] = [
  'broker_name_unknown',
  'broker_refused_connection',
  'broker_unreachable',
  'broker_hung_up',
  'broker_untrusted',
  'broker_name_mismatch',
  'broker_certificate_expired',
  'certificate_refused',
  'certificate_expired',
  'clock_wrong',
  'not_authorized',
  'client_id_refused',
  'client_id_taken',
  'mqtt_ended',
];

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #topics;
  readonly #routes: readonly Route[];
  readonly #takeovers = new TakeoverWatch();
  readonly #answers = new TopicAnswers();
  readonly #budget: Budget;
  readonly #greeting: Greeting;
  #portThatWorked: number | null;
  #route: number;
  #version: 4 | 5 = 5;
  #failures = 0;
  #connects = 0;
  #state: { readonly state: LinkStatus['state']; readonly sinceMs: number };
  #current: { readonly session: Link; readonly pump: Pump; readonly asker: Asker; readonly id: string } | undefined;
  #credentials: Credentials;
  /** Other credentials that are tried with the next connection. */
  #trial: Trial | undefined;
  #waiting = new AbortController();
  /** A clean stop began: the end of the connection is no trouble. */
  #finishing = false;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#credentials = options.credentials;
    this.#topics = topicsOf(options.topicPrefix);
    this.#routes = routesOf(options.port);
    this.#greeting = new Greeting({
      ...options,
      topic: this.#topics.presence,
      onAnswer: (topic, error) => this.#answers.note(topic, error),
    });
    const { port: portThatWorked, spending } = options.memory.load();
    this.#portThatWorked = portThatWorked;
    this.#budget = new Budget(options.budget, options.intervalMs, options.clock, spending);
    this.#route = Math.max(
      0,
      this.#routes.findIndex(({ port }) => port === portThatWorked),
    );
    this.#state = { state: 'stopped', sinceMs: 0 };
  }

  /** Something may be there to send. */
  wake(): void {
    this.#current?.pump.wake();
  }

  status(): LinkStatus {
    const { clock } = this.#options;
    return {
      state: this.#state.state,
      since_ms: clock.mono() - this.#state.sinceMs,
      endpoint: this.#endpoint,
      mqtt_version: this.#current ? this.#version : null,
      connects: this.#connects,
      failures_in_a_row: this.#failures,
      ...this.#answers.status(),
    };
  }

  /** What the month has cost so far, and will have cost at this rate. */
  budget(): BudgetStatus {
    return this.#budget.status();
  }

  /** Another interval of telemetry, in milliseconds, until the next start; a budget that is overspent still stretches it. */
  setInterval(ms: number): void {
    this.#budget.setInterval(ms);
  }

  /** Asks over the connection there is. @throws ConnectError where there is none, it may not be asked, or no answer comes in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    if (!this.#current) throw new ConnectError('not connected to the broker', undefined);
    return this.#current.asker.ask(topic, body, timeoutMs);
  }

  /**
   * Connects anew with these credentials, subscribes and publishes. Where any of it fails, for whatever reason, the ones before are
   * used again at once.
   */
  change(credentials: Credentials): Promise<Proof> {
    this.#trial?.fail('connect', new ConnectError('others were to be tried before it came to that', undefined), this.#clockView());
    const trial = new Trial(credentials);
    this.#trial = trial;
    this.#current?.session.close().catch(() => {});
    this.#waiting.abort();
    return trial.proof;
  }

  /** Writes down what is remembered across restarts. */
  save(): void {
    this.#options.memory.save({ port: this.#portThatWorked, spending: this.#budget.spending });
  }

  /** Runs until the signal fires. Resolves when the last connection is over. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wentWell = await this.#connectOnce(signal);
      if (signal.aborted) break;
      if (wentWell === 'try_other_version') continue;
      if (wentWell === 'back_again' || this.#trial) {
        await wait(this.#options.backoff.minMs, signal);
        continue;
      }
      this.#failures = wentWell === 'stable' ? 1 : this.#failures + 1;
      const ms = wentWell === 'taken' ? TAKEOVER_WAIT_MS : backoffMs(this.#failures, this.#options.backoff, Math.random());
      this.#enter('waiting');
      this.#waiting = new AbortController();
      await wait(ms, AbortSignal.any([signal, this.#waiting.signal]));
    }
    this.#trial?.fail('connect', new ConnectError('the agent was stopped', undefined), this.#clockView());
    this.#enter('stopped');
  }

  /** Sends what is pending, says goodbye and closes; within the deadline in any case. */
  async finish(deadlineMs: number): Promise<void> {
    this.#finishing = true;
    const current = this.#current;
    if (!current) return;
    await current.pump.finish(deadlineMs);
    await this.#greeting.goodbye(current.session, current.id);
  }

  async #connectOnce(signal: AbortSignal): Promise<'stable' | 'failed' | 'taken' | 'try_other_version' | 'back_again'> {
    const { clock, problems, log } = this.#options;
    this.#enter('connecting');
    const id = randomBytes(8).toString('hex');
    const startedMs = clock.mono();
    const trial = this.#trial;
    let session: Link | undefined;
    try {
      session = await this.#connect(id, signal, trial);
      await session.subscribe([this.#topics.commands, this.#topics.receipts]);
    } catch (error) {
      session?.drop();
      if (signal.aborted) return 'failed';
      const reason = error instanceof ConnectError ? error.reason : undefined;
      if (this.#version === 5 && refusesVersion(reason)) {
        log.info({ event: 'mqtt5_refused' }, 'the broker speaks no MQTT 5; using 3.1.1');
        this.#version = 4;
        return 'try_other_version';
      }
      if (trial) {
        this.#endTrial(trial, session ? 'subscribe' : 'connect', error);
        return 'back_again';
      }
      this.#blame(reason, messageOf(error));
      return 'failed';
    }
    this.#connects++;
    this.#enter('connected');
    this.#portThatWorked = this.#routeNow.port;
    this.#options.lifetime.vouch(clock.wall());
    problems.clearOthers(LINK_PROBLEMS);
    log.info({ event: 'connected', mqtt_version: this.#version, took_ms: clock.mono() - startedMs }, 'connected to the broker');
    const reason = await this.#serve(session, id, signal, trial);
    if (trial && trial.credentials !== this.#credentials) return 'back_again';
    const lastedMs = clock.mono() - this.#state.sinceMs;
    const lossReason = reason instanceof ConnectError ? reason.reason : undefined;
    const ours = signal.aborted || this.#finishing || this.#trial !== undefined;
    const taken = !ours && this.#takeovers.ended(clock.mono(), lastedMs, lossReason);
    if (taken) {
      problems.raise(
        'client_id_taken',
        `this connection was taken over again and again; the next try is in ${TAKEOVER_WAIT_MS / 60_000} min`,
      );
    } else if (!ours) {
      log.warn({ event: 'disconnected', lasted_ms: lastedMs, reason: reason?.message ?? 'closed' }, 'the connection ended');
      problems.raise(
        'mqtt_ended',
        `the connection ended after ${Math.round(lastedMs / 1000)} s: ${reason?.message ?? 'closed by the broker'}`,
      );
    }
    if (taken) return 'taken';
    return lastedMs >= STABLE_AFTER_MS ? 'stable' : 'failed';
  }

  #connect(id: string, signal: AbortSignal, trial: Trial | undefined): Promise<Link> {
    const { host, thing, keepaliveMs, connectTimeoutMs, connect = Session.connect } = this.#options;
    const credentials = trial?.credentials ?? this.#credentials;
    const { port, alpn } = this.#routeNow;
    return connect(
      {
        host,
        port,
        alpn,
        credentials,
        clientId: thing,
        keepaliveMs,
        connectTimeoutMs,
        version: this.#version,
        will: { topic: this.#topics.presence, payload: JSON.stringify(this.#greeting.will(id)) },
        onMessage: (message) => this.#receive(message),
      },
      signal,
    );
  }

  async #serve(session: Link, id: string, signal: AbortSignal, trial: Trial | undefined): Promise<Error | undefined> {
    const { outbox, thing, clock, lifetime, ackTimeoutMs, window, onAck, problems, quota } = this.#options;
    const pump = new Pump({
      session,
      outbox,
      topics: this.#topics,
      thing,
      clock,
      boot: lifetime.boot,
      intervalMs: () => this.#budget.intervalMs(),
      quota: new Quota(quota, clock.mono()),
      onSent: (bytes) => this.#budget.spend(bytes),
      ackTimeoutMs,
      window,
      onAck,
      onAnswer: (topic, error) => this.#answers.note(topic, error),
      onPoison: (claim, error) =>
        problems.raise('message_refused', `rows ${claim.first} to ${claim.last} of ${claim.outbox.id}: ${error.message}`),
    });
    this.#current = { session, pump, asker: new Asker(session), id };
    this.#greeting.say(session, id, (error) => {
      if (trial) this.#endTrial(trial, 'publish', error);
    });
    // Others were to be tried while this connection was being made.
    if (this.#trial !== trial) session.close().catch(() => {});
    pump.start();
    const repeat = this.#greeting.repeat(session, id);
    const cut = () => session.drop();
    signal.addEventListener('abort', cut, { once: true });
    const reason = await session.ended;
    // Still under way: it ended before its first message was acknowledged.
    if (trial) this.#endTrial(trial, 'publish', reason ?? new ConnectError('the broker closed the connection', 'ECONNRESET'));
    signal.removeEventListener('abort', cut);
    repeat.stop();
    pump.stop();
    this.#current = undefined;
    this.#options.onLinkLost();
    return reason;
  }

  /** Of the credentials that are tried, and of no others. @param error undefined where they have done all that they must. */
  #endTrial(trial: Trial, step: 'connect' | 'subscribe' | 'publish', error: unknown): void {
    if (trial !== this.#trial) return;
    this.#trial = undefined;
    if (error === undefined) {
      this.#credentials = trial.credentials;
      trial.pass();
      return;
    }
    trial.fail(step, error, this.#clockView());
    this.#current?.session.drop();
  }

  #clockView(): { trusted: boolean; wallMs: number } {
    const { clock } = this.#options;
    return { trusted: clock.trusted(), wallMs: clock.wall() };
  }

  #receive(message: Message): void {
    if (this.#current?.asker.receive(message)) return;
    if (message.topic === this.#topics.commands) this.#options.onCommand(message);
    if (message.topic !== this.#topics.receipts) return;
    this.#budget.spend(message.payload.length);
    receiveReceipt(message.payload, this.#options);
  }

  #blame(reason: string | number | undefined, text: string): void {
    const { problems, log } = this.#options;
    const cause = connectCause(reason, this.#clockView(), this.#credentials);
    problems.clearOthers(LINK_PROBLEMS, cause);
    problems.raise(cause, `${this.#endpoint}: ${text}`);
    this.#route = nextRoute(this.#routes, this.#route, cause);
    log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  get #routeNow(): Route {
    return this.#routes[this.#route] ?? { port: 8883, alpn: undefined };
  }

  get #endpoint(): string {
    return `${this.#options.host}:${this.#routeNow.port}`;
  }

  #enter(state: LinkStatus['state']): void {
    this.#state = { state, sinceMs: this.#options.clock.mono() };
  }
}
