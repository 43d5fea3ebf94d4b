// Keeps the robot connected to the broker for as long as the agent runs: connects, publishes presence, drains the outbox, and reconnects
// with backoff whenever the connection ends.
import { randomBytes } from 'node:crypto';
import { backoffMs, messageOf, STABLE_AFTER_MS, wait } from '../base/index.ts';
import type { Credentials } from '../identity/index.ts';
import type { BudgetStatus, LinkStatus } from '../status/index.ts';
import { type Power, topicsOf } from '../wire/index.ts';
import { Answers } from './answers.ts';
import { NO_LIMITS, smallerLimit } from './brokerLimits.ts';
import { BrokerRoute } from './brokerRoute.ts';
import { connectCause, isTooLarge } from './causes.ts';
import { ConnectError } from './connectError.ts';
import { Connection } from './connection.ts';
import { CredentialSwitch, type CredentialTestResult, type PendingTest } from './credentialTest.ts';
import { Budget } from './limits.ts';
import { LinkProblems } from './linkProblems.ts';
import { readLinks, watchLinks } from './links.ts';
import { applyReceipt } from './messages.ts';
import type { UplinkOptions } from './options.ts';
import { PresencePublisher } from './presence.ts';
import { ReconnectWait } from './reconnect.ts';
import type { Answer } from './requests.ts';
import { type Link, type Message, Session } from './session.ts';
import type { Takeover } from './takeover.ts';

/** Determines the wait before the next connection attempt: backoff for `stable` and `failed`, its minimum for `again`, 0 for `at_once`. */
type Ending = 'stable' | 'failed' | 'again' | 'at_once' | Takeover;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #topics;
  readonly #route: BrokerRoute;
  readonly #credentials: CredentialSwitch;
  readonly #problems: LinkProblems;
  readonly #answers: Answers;
  readonly #budget: Budget;
  readonly #presence: PresencePublisher;
  #failures = 0;
  #connects = 0;
  #state: { readonly state: LinkStatus['state']; readonly sinceMs: number } = { state: 'stopped', sinceMs: 0 };
  #connection: Connection | undefined;
  readonly #reconnect: ReconnectWait;
  /** The largest packet that the broker is believed to accept although it announces no limit. */
  #maxPacketBytes = NO_LIMITS.maxPacketBytes;
  /** Aborts the present connection attempt. */
  #attempt = new AbortController();
  /** Whether the agent is stopping cleanly, so that the end of the connection is not reported as a problem. */
  #isFinishing = false;

  constructor(options: UplinkOptions) {
    const { port: lastGoodPort, spending } = options.memory.load();
    this.#options = options;
    this.#topics = topicsOf(options.topicPrefix);
    this.#route = new BrokerRoute(options.host, options.port, lastGoodPort);
    this.#reconnect = new ReconnectWait(options.clock);
    this.#credentials = new CredentialSwitch(options.credentials, options.clock);
    this.#problems = new LinkProblems(options);
    this.#answers = new Answers(options);
    this.#budget = new Budget(options.budget, options.intervalMs, options.clock, spending);
    this.#presence = new PresencePublisher({
      ...options,
      topic: this.#topics.presence,
      telemetryEveryMs: () => this.#budget.intervalMs(),
      onAnswer: this.#recordAnswer,
    });
  }

  /** Must be called after each commit that adds rows. */
  wake(): void {
    this.#connection?.pump.wake();
    if (this.#reconnect.awaitsAlert && this.#isAlertPending()) this.#reconnect.hurry('alert');
  }

  status(): LinkStatus {
    return {
      state: this.#state.state,
      since_ms: this.#sinceMs,
      endpoint: this.#route.endpoint,
      mqtt_version: this.#connection ? this.#route.version : null,
      connects: this.#connects,
      failures_in_a_row: this.#failures,
      next_attempt_ms: this.#reconnect.leftMs,
      acknowledged: this.#answers.acknowledged,
      refused: this.#answers.refused,
    };
  }

  budget(): BudgetStatus {
    return this.#budget.status();
  }

  /** Replaces the configured telemetry interval for the rest of this run. It is still stretched if the budget is exceeded. */
  setInterval(ms: number): void {
    this.#budget.setInterval(ms);
  }

  /** Makes a request. @throws ConnectError if there is no connection, the broker refuses the request, or no answer arrives in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    if (!this.#connection) throw new ConnectError('not connected to the broker', undefined);
    return this.#connection.requester.ask(topic, body, timeoutMs);
  }

  /** Reconnects at once to test these credentials. If the test fails, the uplink goes back to the previous ones. */
  change(credentials: Credentials): Promise<CredentialTestResult> {
    const result = this.#credentials.begin(credentials);
    this.#connection?.close();
    this.#reconnect.end();
    return result;
  }

  /**
   * Publishes presence if the battery has become low or is no longer low. The next session's last will contains this value too.
   * @param power undefined if unknown; the last known value then stays in use.
   */
  reportPower(power: Power | undefined): void {
    this.#presence.setPower(power);
    this.#connection?.publishPower();
  }

  /** Must be called after the channels have changed. Without a connection, the next presence announces them. */
  announceChannels(): void {
    this.#connection?.publishPresence();
  }

  /** Saves the state that the next run needs. @throws an error from the file system. */
  save(): void {
    this.#options.memory.save({ port: this.#route.lastGoodPort, spending: this.#budget.spending });
  }

  /** Runs until the signal is aborted. Resolves once the last connection has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { readLinks: read = readLinks } = this.#options;
    const watch = watchLinks(read, read(), (link) => this.#linkUp(link));
    while (!signal.aborted) {
      const ending = await this.#connectOnce(signal);
      if (signal.aborted) break;
      if (ending === 'at_once') continue;
      if (ending === 'again' || this.#credentials.pending) {
        await wait(this.#options.backoff.minMs, signal);
        continue;
      }
      this.#failures = ending === 'stable' ? 1 : this.#failures + 1;
      this.#enter('waiting');
      const backoff = backoffMs(this.#failures, this.#options.backoff, Math.random());
      const isUrgent = this.#isAlertPending();
      const waited = this.#reconnect.wait(typeof ending === 'object' && !isUrgent ? ending.waitMs : backoff, signal);
      if (isUrgent) this.#reconnect.hurry('alert');
      await waited;
    }
    watch.stop();
    this.#credentials.abandon('the agent was stopped');
    this.#enter('stopped');
  }

  /** Sends pending rows for up to `deadlineMs`, publishes that the robot is offline and closes the connection. */
  async finish(deadlineMs: number): Promise<void> {
    this.#isFinishing = true;
    await this.#connection?.finish(deadlineMs);
  }

  /** Opens one connection and serves it until it ends. */
  async #connectOnce(signal: AbortSignal): Promise<Ending> {
    const { clock, lifetime, log } = this.#options;
    this.#enter('connecting');
    const id = randomBytes(8).toString('hex');
    const startedMs = clock.mono();
    const test = this.#credentials.pending;
    this.#attempt = new AbortController();
    const { signal: attempt } = this.#attempt;
    let session: Link | undefined;
    const stop = AbortSignal.any([signal, attempt]);
    const cut = () => session?.drop();
    stop.addEventListener('abort', cut);
    try {
      session = await this.#connect(id, stop, test);
      await session.subscribe([this.#topics.commands, this.#topics.receipts]);
      // If the signal was aborted while subscribing, the listener that `serve` adds would never be called, and the connection never cut.
      signal.throwIfAborted();
    } catch (error) {
      session?.drop();
      if (attempt.aborted) return 'again';
      return signal.aborted ? 'failed' : this.#notConnected(error, session ? 'subscribe' : 'connect', test);
    } finally {
      stop.removeEventListener('abort', cut);
    }
    this.#connects++;
    this.#enter('connected');
    this.#route.recordSuccess();
    lifetime.confirmTime(clock.wall());
    const over = this.#problems.connected();
    log.info({ event: 'connected', mqtt_version: this.#route.version, took_ms: clock.mono() - startedMs }, 'connected to the broker');
    const reason = await this.#serve(session, id, signal, test);
    over();
    if (test && test.credentials !== this.#credentials.current) return 'again';
    return this.#ended(reason, signal.aborted);
  }

  #connect(id: string, signal: AbortSignal, test: PendingTest | undefined): Promise<Link> {
    const { host, thing, keepaliveMs, connectTimeoutMs, connect = Session.connect } = this.#options;
    return connect(
      {
        ...this.#route.route,
        host,
        credentials: test?.credentials ?? this.#credentials.current,
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

  #notConnected(error: unknown, step: 'connect' | 'subscribe', test: PendingTest | undefined): Ending {
    const reason = error instanceof ConnectError ? error.reason : undefined;
    if (this.#route.fallBack(reason)) {
      this.#options.log.info({ event: 'mqtt5_refused' }, 'the broker does not support MQTT 5; using 3.1.1');
      return 'at_once';
    }
    if (test) {
      this.#credentials.finish(test, step, error);
      return 'again';
    }
    const cause = connectCause(reason, this.#options.clock, this.#credentials.current);
    const takeover = this.#problems.notConnected(cause, reason, `${this.#route.endpoint}: ${messageOf(error)}`);
    if (!takeover) this.#route.recordFailure(cause);
    return takeover ?? 'failed';
  }

  async #serve(session: Link, id: string, signal: AbortSignal, test: PendingTest | undefined): Promise<Error | undefined> {
    const limits = { ...session.limits, maxPacketBytes: Math.min(session.limits.maxPacketBytes, this.#maxPacketBytes) };
    const parts = {
      session,
      limits,
      id,
      topics: this.#topics,
      budget: this.#budget,
      presence: this.#presence,
      onAnswer: this.#recordAnswer,
    };
    const connection = new Connection({ ...this.#options, ...parts });
    this.#connection = connection;
    const served = connection.serve(signal, (error) => {
      const refusal = error && new ConnectError(error.message, 'NOT_ALLOWED');
      if (test && this.#credentials.finish(test, 'publish', refusal)) session.drop();
    });
    // A test of other credentials began in the meantime and needs a new connection.
    if (this.#credentials.pending !== test) connection.close();
    const reason = await served;
    if (reason && isTooLarge(reason)) this.#maxPacketBytes = smallerLimit(connection.largestUnanswered);
    // If the test is still pending, the connection ended before its first message was acknowledged.
    if (test) this.#credentials.finish(test, 'publish', reason ?? new ConnectError('the broker closed the connection', 'ECONNRESET'));
    this.#connection = undefined;
    this.#options.onLinkLost();
    return reason;
  }

  #ended(reason: Error | undefined, isAborted: boolean): Ending {
    const lastedMs = this.#sinceMs;
    const isOurs = isAborted || this.#isFinishing || this.#credentials.pending !== undefined;
    const takeover = isOurs ? undefined : this.#problems.ended(lastedMs, reason, this.#route.endpoint);
    return takeover ?? (lastedMs >= STABLE_AFTER_MS ? 'stable' : 'failed');
  }

  /** Connects at once over a link that has come up: an attempt over the old one may hang until its deadline. */
  #linkUp(link: string): void {
    const { state } = this.#state;
    if (state !== 'waiting' && state !== 'connecting') return;
    this.#options.log.info({ event: 'link_up', link }, `${link} came up`);
    this.#failures = 0;
    if (state === 'waiting') this.#reconnect.hurry('link');
    else if (this.#reconnect.mayTryExtra('link')) this.#attempt.abort();
  }

  readonly #recordAnswer = (topic: string, error: Error | undefined): void => {
    this.#answers.record(topic, error);
  };

  #isAlertPending(): boolean {
    return this.#options.outbox.hasFree('alert');
  }

  #receive(message: Message): void {
    if (this.#connection?.requester.receive(message)) return;
    if (message.topic === this.#topics.commands) this.#options.onCommand(message);
    if (message.topic !== this.#topics.receipts) return;
    this.#budget.spend(message.payload.length);
    applyReceipt(message.payload, this.#options);
  }

  get #sinceMs(): number {
    return this.#options.clock.mono() - this.#state.sinceMs;
  }

  #enter(state: LinkStatus['state']): void {
    this.#state = { state, sinceMs: this.#options.clock.mono() };
  }
}
