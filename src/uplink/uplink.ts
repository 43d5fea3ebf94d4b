// The link to the broker for as long as the agent lives: connect, say who is here, drain, and when the connection ends for
// whatever reason, wait with backoff and do it again. It never gives up, and never stops sensing.
import { randomBytes } from 'node:crypto';
import { backoffMs, codeOf, messageOf, STABLE_AFTER_MS, wait } from '../base/index.ts';
import type { Credentials } from '../identity/index.ts';
import type { BudgetStatus, LinkStatus } from '../status/index.ts';
import { type Power, topicsOf } from '../wire/index.ts';
import type { Answer } from './asking.ts';
import { BrokerRoute } from './brokerRoute.ts';
import { Budget } from './budget.ts';
import { type ClockView, connectCause } from './causes.ts';
import { Connection } from './connection.ts';
import type { CredentialTrial } from './credentialTrials.ts';
import { CredentialTrials } from './credentialTrials.ts';
import type { UplinkOptions } from './options.ts';
import { PresencePublisher } from './presence.ts';
import type { Proof } from './prove.ts';
import { receiveReceipt } from './receive.ts';
import { ConnectError, type Link, type Message, Session } from './session.ts';
import { CALM_MS, type Takeover, TakeoverWatch } from './takeover.ts';
import { TopicAnswers } from './topicAnswers.ts';
import { LinkTrouble } from './trouble.ts';

/** How one try went: `failed` before it was stable, `again` and `at_once` for a reason that calls for no backoff, or for no wait at all. */
type Ending = 'stable' | 'failed' | 'again' | 'at_once' | Takeover;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #topics;
  readonly #route: BrokerRoute;
  readonly #trials: CredentialTrials;
  readonly #trouble: LinkTrouble;
  readonly #takeovers: TakeoverWatch;
  readonly #answers = new TopicAnswers();
  readonly #budget: Budget;
  readonly #presence: PresencePublisher;
  #failures = 0;
  #connects = 0;
  #state: { readonly state: LinkStatus['state']; readonly sinceMs: number } = { state: 'stopped', sinceMs: 0 };
  #connection: Connection | undefined;
  #waiting = new AbortController();
  /** The wait is for the sake of another client; an alert does not wait for it. */
  #yielding = false;
  /** A clean stop began: the end of the connection is no trouble. */
  #finishing = false;

  constructor(options: UplinkOptions) {
    const { port: portThatWorked, spending } = options.memory.load();
    this.#options = options;
    this.#topics = topicsOf(options.topicPrefix);
    this.#route = new BrokerRoute(options.host, options.port, portThatWorked);
    this.#trials = new CredentialTrials(options.credentials, () => this.#clockView());
    this.#trouble = new LinkTrouble(options.problems, options.log);
    this.#takeovers = new TakeoverWatch(options.keepaliveMs);
    this.#budget = new Budget(options.budget, options.intervalMs, options.clock, spending);
    this.#presence = new PresencePublisher({
      ...options,
      topic: this.#topics.presence,
      telemetryEveryMs: () => this.#budget.intervalMs(),
      onAnswer: (topic, error) => this.#answers.note(topic, error),
    });
  }

  /** Something may be there to send. */
  wake(): void {
    this.#connection?.wake();
    if (this.#yielding && this.#alertWaits()) this.#waiting.abort();
  }

  status(): LinkStatus {
    return {
      state: this.#state.state,
      since_ms: this.#sinceMs,
      endpoint: this.#route.endpoint,
      mqtt_version: this.#connection ? this.#route.version : null,
      connects: this.#connects,
      failures_in_a_row: this.#failures,
      ...this.#answers.status(),
    };
  }

  /** The messages of the month so far, and the forecast at this rate. */
  budget(): BudgetStatus {
    return this.#budget.status();
  }

  /** Another interval of telemetry, in milliseconds, until the next start; a budget that is overspent still stretches it. */
  setInterval(ms: number): void {
    this.#budget.setInterval(ms);
  }

  /** Makes a request over the present connection. @throws ConnectError without a connection, if the broker refuses it, or no answer comes in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    if (!this.#connection) throw new ConnectError('not connected to the broker', undefined);
    return this.#connection.ask(topic, body, timeoutMs);
  }

  /**
   * Reconnects with these credentials, subscribes and publishes. If any step fails, the previous credentials are used again at once.
   */
  change(credentials: Credentials): Promise<Proof> {
    const proof = this.#trials.begin(credentials);
    this.#connection?.close();
    this.#waiting.abort();
    return proof;
  }

  /**
   * Publishes the presence again if the battery became low or is no longer low. The next session's last will carries this power.
   * @param power undefined: unknown, the last known value stays.
   */
  reportPower(power: Power | undefined): void {
    this.#presence.setPower(power);
    this.#connection?.publishPower();
  }

  /** Writes down what is remembered across restarts. */
  save(): void {
    this.#options.memory.save({ port: this.#route.portThatWorked, spending: this.#budget.spending });
  }

  /** Runs until the signal fires. Resolves when the last connection is over. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ending = await this.#try(signal);
      if (signal.aborted) break;
      if (ending === 'at_once') continue;
      if (ending === 'again' || this.#trials.running) {
        await wait(this.#options.backoff.minMs, signal);
        continue;
      }
      this.#failures = ending === 'stable' ? 1 : this.#failures + 1;
      this.#yielding = typeof ending === 'object' && !this.#alertWaits();
      const backoff = backoffMs(this.#failures, this.#options.backoff, Math.random());
      this.#enter('waiting');
      this.#waiting = new AbortController();
      const ms = this.#yielding && typeof ending === 'object' ? ending.waitMs : backoff;
      await wait(ms, AbortSignal.any([signal, this.#waiting.signal]));
      this.#yielding = false;
    }
    this.#trials.abandon('the agent was stopped');
    this.#enter('stopped');
  }

  /** Sends what is pending, says goodbye and closes; within the deadline in any case. */
  async finish(deadlineMs: number): Promise<void> {
    this.#finishing = true;
    await this.#connection?.finish(deadlineMs);
  }

  /** One connection, from its handshake to its end. */
  async #try(signal: AbortSignal): Promise<Ending> {
    const { clock, lifetime, log } = this.#options;
    this.#enter('connecting');
    const id = randomBytes(8).toString('hex');
    const startedMs = clock.mono();
    const trial = this.#trials.running;
    let session: Link | undefined;
    try {
      session = await this.#connect(id, signal, trial);
      await session.subscribe([this.#topics.commands, this.#topics.receipts]);
      // The abort signal may have fired while subscribing and will not fire again; without this check the loop would never end.
      signal.throwIfAborted();
    } catch (error) {
      session?.drop();
      return signal.aborted ? 'failed' : this.#notConnected(error, session ? 'subscribe' : 'connect', trial);
    }
    this.#connects++;
    this.#enter('connected');
    this.#route.worked();
    lifetime.vouch(clock.wall());
    this.#trouble.none(this.#takeovers.isTaken);
    const calm = setTimeout(() => this.#calm(), CALM_MS).unref();
    log.info({ event: 'connected', mqtt_version: this.#route.version, took_ms: clock.mono() - startedMs }, 'connected to the broker');
    const reason = await this.#serve(session, id, signal, trial);
    clearTimeout(calm);
    if (trial && trial.credentials !== this.#trials.current) return 'again';
    return this.#ended(reason, signal.aborted);
  }

  #connect(id: string, signal: AbortSignal, trial: CredentialTrial | undefined): Promise<Link> {
    const { host, thing, keepaliveMs, connectTimeoutMs, connect = Session.connect } = this.#options;
    return connect(
      {
        ...this.#route.route,
        host,
        credentials: trial?.credentials ?? this.#trials.current,
        clientId: thing,
        keepaliveMs,
        connectTimeoutMs,
        version: this.#route.version,
        will: { topic: this.#topics.presence, payload: JSON.stringify(this.#presence.will(id)) },
        onMessage: (message) => this.#receive(message),
      },
      signal,
    );
  }

  #notConnected(error: unknown, step: 'connect' | 'subscribe', trial: CredentialTrial | undefined): Ending {
    const reason = error instanceof ConnectError ? error.reason : undefined;
    if (this.#route.fallBack(reason)) {
      this.#options.log.info({ event: 'mqtt5_refused' }, 'the broker speaks no MQTT 5; using 3.1.1');
      return 'at_once';
    }
    if (trial) {
      this.#trials.end(trial, step, error);
      return 'again';
    }
    const cause = connectCause(reason, this.#clockView(), this.#trials.current);
    const takeover = this.#takeovers.refused(this.#options.clock.mono(), cause);
    if (takeover) return this.#taken(takeover, 0);
    this.#trouble.refused(cause, reason, `${this.#route.endpoint}: ${messageOf(error)}`);
    this.#route.failed(cause);
    return 'failed';
  }

  async #serve(session: Link, id: string, signal: AbortSignal, trial: CredentialTrial | undefined): Promise<Error | undefined> {
    const [topics, budget, answers, presence] = [this.#topics, this.#budget, this.#answers, this.#presence];
    const connection = new Connection({ ...this.#options, session, id, topics, budget, answers, presence });
    this.#connection = connection;
    const served = connection.serve(signal, (error) => {
      if (trial && this.#trials.end(trial, 'publish', error)) session.drop();
    });
    // Others were to be tried while this connection was being made.
    if (this.#trials.running !== trial) connection.close();
    const reason = await served;
    // Still under way: it ended before its first message was acknowledged.
    if (trial) this.#trials.end(trial, 'publish', reason ?? new ConnectError('the broker closed the connection', 'ECONNRESET'));
    this.#connection = undefined;
    this.#options.onLinkLost();
    return reason;
  }

  #ended(reason: Error | undefined, isAborted: boolean): Ending {
    const lastedMs = this.#sinceMs;
    const isOurs = isAborted || this.#finishing || this.#trials.running !== undefined;
    if (!isOurs) {
      const code = reason instanceof ConnectError ? reason.reason : reason && (codeOf(reason) ?? reason.name);
      const takeover = this.#takeovers.ended(this.#options.clock.mono(), lastedMs, code);
      if (takeover) return this.#taken(takeover, lastedMs);
      this.#trouble.ended(lastedMs, reason);
    }
    return lastedMs >= STABLE_AFTER_MS ? 'stable' : 'failed';
  }

  #taken(takeover: Takeover, lastedMs: number): Takeover {
    this.#trouble.taken(this.#options.thing, takeover, lastedMs);
    return takeover;
  }

  /** The connection lasted CALM_MS: no other client uses this id. */
  #calm(): void {
    this.#takeovers.over();
    this.#trouble.none(false);
  }

  #alertWaits(): boolean {
    return this.#options.outbox.hasFree('alert');
  }

  #receive(message: Message): void {
    if (this.#connection?.isAnswer(message)) return;
    if (message.topic === this.#topics.commands) this.#options.onCommand(message);
    if (message.topic !== this.#topics.receipts) return;
    this.#budget.spend(message.payload.length);
    receiveReceipt(message.payload, this.#options);
  }

  #clockView(): ClockView {
    const { clock } = this.#options;
    return { trusted: clock.trusted(), wallMs: clock.wall() };
  }

  get #sinceMs(): number {
    return this.#options.clock.mono() - this.#state.sinceMs;
  }

  #enter(state: LinkStatus['state']): void {
    this.#state = { state, sinceMs: this.#options.clock.mono() };
  }
}
