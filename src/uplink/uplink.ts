// Keeps the robot connected to the broker for as long as the agent runs: connects, publishes presence, drains the outbox, and reconnects
// with backoff whenever the connection ends.
import { messageOf, wait } from '../base/index.ts';
import type { Credentials } from '../identity/index.ts';
import type { BudgetStatus, LinkStatus } from '../status/index.ts';
import { type Power, topicsOf } from '../wire/index.ts';
import { Answers } from './answers.ts';
import { NO_LIMITS, smallerLimit } from './brokerLimits.ts';
import { connectCause, isTooLarge } from './causes.ts';
import { ConnectError } from './connectError.ts';
import { Connection, type Loss } from './connection.ts';
import { CredentialSwitch, type CredentialTestResult, type PendingTest } from './credentialTest.ts';
import { Dialer } from './dialer.ts';
import { Handover } from './handover.ts';
import { Budget } from './limits.ts';
import { LinkProblems } from './linkProblems.ts';
import { applyReceipt } from './messages.ts';
import { type LinkChange, readLinks, watchLinks } from './network/links.ts';
import { type Opened, Opener } from './opener.ts';
import type { UplinkOptions } from './options.ts';
import { PresencePublisher } from './presence.ts';
import { ReconnectWait } from './reconnect.ts';
import type { Answer } from './requests.ts';
import type { Link, Message } from './session.ts';

/** Determines the wait before the next connection attempt: its pace for `paced`, the shortest for `again`, none for `at_once`. */
type Ending = 'paced' | 'again' | 'at_once';

/** How often a stop looks whether a handover has ended. */
const TURN_MS = 20;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #topics;
  readonly #dialer: Dialer;
  readonly #opener: Opener;
  readonly #handover: Handover;
  readonly #credentials: CredentialSwitch;
  readonly #problems: LinkProblems;
  readonly #answers: Answers;
  readonly #budget: Budget;
  readonly #presence: PresencePublisher;
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
    const { spending, ...known } = options.memory.load();
    this.#options = options;
    this.#topics = topicsOf(options.topicPrefix);
    this.#dialer = new Dialer(options, known);
    this.#reconnect = new ReconnectWait(options.clock);
    this.#credentials = new CredentialSwitch(options.credentials, options.clock);
    this.#problems = new LinkProblems(options);
    this.#answers = new Answers(options);
    this.#budget = new Budget(options.budget, options.intervalMs, options.clock, spending);
    this.#presence = new PresencePublisher({
      ...options,
      topic: this.#topics.presence,
      telemetryEveryMs: () => this.#budget.intervalMs(),
    });
    const parts = { dialer: this.#dialer, credentials: this.#credentials, presence: this.#presence, topics: this.#topics };
    const pingEveryMs = () => this.#problems.pingEveryMs;
    this.#opener = new Opener({ ...options, ...parts, pingEveryMs, onMessage: (message) => this.#receive(message) });
    this.#handover = new Handover({ ...options, opener: this.#opener, mayMove: () => !this.#credentials.pending && !this.#isFinishing });
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
      endpoint: this.#dialer.endpoint,
      path: this.#handover.path,
      mqtt_version: this.#connection ? this.#dialer.version : null,
      connects: this.#connects,
      failures_in_a_row: this.#problems.pace.failures,
      next_attempt_ms: this.#reconnect.leftMs,
      acknowledged: this.#answers.acknowledged,
      refused: this.#answers.refused('publish'),
      refused_subscriptions: this.#answers.refused('subscribe'),
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
    this.#handover.cancel();
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
    this.#options.memory.save({ ...this.#dialer.known, addresses: [...this.#dialer.known.addresses], spending: this.#budget.spending });
  }

  /** Runs until the signal is aborted. Resolves once the last connection has ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { readLinks: read = readLinks } = this.#options;
    const watch = watchLinks(read, read(), (change) => this.#linksChanged(change));
    while (!signal.aborted) {
      const ending = await this.#connectOnce(signal);
      if (signal.aborted) break;
      if (ending === 'at_once') continue;
      this.#enter('waiting');
      if (ending === 'again' || this.#credentials.pending) {
        await wait(this.#options.backoff.minMs, signal);
        continue;
      }
      const isUrgent = this.#isAlertPending();
      const waited = this.#reconnect.wait(this.#problems.pace.waitMs(isUrgent, Math.random()), signal);
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
    const { clock } = this.#options;
    const untilMs = clock.mono() + deadlineMs;
    let finished: Connection | undefined;
    while (this.#connection && this.#connection !== finished) {
      finished = this.#connection;
      await finished.finish(Math.max(0, untilMs - clock.mono()));
      // A handover that is under way replaces the connection, and the rows go over the new one.
      while (this.#handover.isUnderWay && clock.mono() < untilMs) await wait(TURN_MS, new AbortController().signal);
    }
  }

  /** Opens one connection, or takes the one that replaces the last, and serves it until it ends. */
  async #connectOnce(signal: AbortSignal): Promise<Ending> {
    const { log } = this.#options;
    this.#enter('connecting');
    const replacing = await this.#handover.take();
    const test = this.#credentials.pending;
    this.#attempt = new AbortController();
    const { signal: attempt } = this.#attempt;
    let opened = replacing;
    const stop = AbortSignal.any([signal, attempt]);
    const cut = () => opened?.session.drop();
    stop.addEventListener('abort', cut);
    try {
      opened ??= await this.#opener.open({ kind: 'all' }, stop);
      // If the signal was aborted meanwhile, the listener that `serve` adds would never be called, and the connection never cut.
      stop.throwIfAborted();
    } catch (error) {
      opened?.session.drop();
      if (attempt.aborted) return 'again';
      return signal.aborted ? 'paced' : this.#notConnected(error, test);
    } finally {
      stop.removeEventListener('abort', cut);
    }
    this.#connects++;
    this.#enter('connected');
    const over = this.#problems.connected();
    const { path, tookMs } = opened;
    log.info({ event: 'connected', mqtt_version: this.#dialer.version, path, took_ms: tookMs }, 'connected to the broker');
    const loss = await this.#serve(opened, signal, test);
    over();
    if (test && test.credentials !== this.#credentials.current) return 'again';
    return this.#ended(opened.session, loss, signal.aborted);
  }

  #notConnected(error: unknown, test: PendingTest | undefined): Ending {
    const reason = error instanceof ConnectError ? error.reason : undefined;
    if (this.#dialer.fallBack(reason)) {
      this.#options.log.info({ event: 'mqtt5_refused' }, 'the broker does not support MQTT 5; using 3.1.1');
      return 'at_once';
    }
    if (test) {
      this.#credentials.finish(test, 'connect', error);
      return 'again';
    }
    const cause = connectCause(reason, this.#options.clock, this.#credentials.current);
    this.#problems.notConnected(cause, reason, messageOf(error));
    return 'paced';
  }

  async #serve({ session, id, renewAfterMs }: Opened, signal: AbortSignal, test: PendingTest | undefined): Promise<Loss> {
    const limits = { ...session.limits, maxPacketBytes: Math.min(session.limits.maxPacketBytes, this.#maxPacketBytes) };
    const parts = {
      session,
      limits,
      id,
      topics: this.#topics,
      budget: this.#budget,
      presence: this.#presence,
      answers: this.#answers,
      renewAfterMs,
      alerts: this.#handover.alerts,
    };
    if (test) this.#answers.forget();
    const connection = new Connection({ ...this.#options, ...parts });
    this.#connection = connection;
    const served = connection.serve(signal, (step, error) => {
      if (test && this.#credentials.finish(test, step, error)) session.drop();
    });
    // A test of other credentials began in the meantime and needs a new connection.
    if (this.#credentials.pending !== test) connection.close();
    const look = this.#handover.watch(session, signal);
    const loss = await served;
    look.stop();
    const { reason } = loss;
    if (reason && isTooLarge(reason)) this.#maxPacketBytes = smallerLimit(connection.largestUnanswered);
    // If the test is still pending, the connection ended before its last step.
    if (test) this.#credentials.finish(test, connection.step, reason ?? new ConnectError('the broker closed the connection', 'ECONNRESET'));
    this.#connection = undefined;
    this.#options.onLinkLost();
    return loss;
  }

  #ended({ path }: Link, loss: Loss, isAborted: boolean): Ending {
    const { isReplacing } = this.#handover;
    const isOurs = isAborted || this.#isFinishing || this.#credentials.pending || isReplacing || loss.isClosed;
    const isDenial = (!isOurs || isReplacing) && this.#answers.lost(loss, isReplacing);
    if (!isOurs && !isDenial) this.#problems.ended(loss, { lastedMs: this.#sinceMs, endpoint: this.#dialer.endpoint, path });
    if (this.#handover.isUnderWay) return 'at_once';
    return isDenial || loss.isClosed ? 'again' : 'paced';
  }

  /** Connects at once over a link that has come up: an attempt over the old one may hang until its deadline. */
  #linksChanged(change: LinkChange): void {
    this.#handover.linksChanged(change);
    const [link] = change.added;
    if (link === undefined) return;
    this.#options.log.info({ event: 'link_up', link }, `${link} came up`);
    const { state } = this.#state;
    if (state !== 'waiting' && state !== 'connecting') return;
    this.#problems.pace.linkUp();
    if (state === 'waiting') this.#reconnect.hurry('link');
    else if (this.#reconnect.mayTryExtra('link')) this.#attempt.abort();
  }

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
