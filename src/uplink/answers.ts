// Remembers for each topic whether the broker accepted the last message or subscription, and raises a problem while it refuses them. Some
// brokers answer; others close the connection.
import type { Problems } from '../status/index.ts';
import type { Loss } from './connection.ts';
import { Denials } from './denials.ts';
import type { UplinkOptions } from './options.ts';
import { mayBeDenial, type RefusalKind, refusalOf } from './reasons.ts';
import { grantOf, partsOf, type Right, type TopicRight } from './rights.ts';

type AnswersOptions = Pick<UplinkOptions, 'host' | 'thing' | 'log' | 'clock' | 'backoff'> & {
  readonly problems: Pick<Problems, 'raise' | 'clear'>;
};

/** The words of the refusal of the last request, by topic; undefined if the broker accepted it. */
type Refusals = Map<string, string | undefined>;

/** The broker closes the connection, or acknowledges later messages only. */
type Denial = 'closes' | 'discards';

const PROBLEM = { publish: 'publish_refused', subscribe: 'subscribe_refused' } as const;

/** A robot that lacks two rights loses three connections in a row without an answer. A broker without an answer for longer may be broken. */
const MAX_SILENT_LOSSES = 3;

export class Answers {
  /** The requests for which the broker closes the connection. */
  readonly denials: Denials;
  readonly #options: AnswersOptions;
  readonly #refusals: Readonly<Record<Right, Refusals>> = { publish: new Map(), subscribe: new Map() };
  /** Denied requests without a problem: the broker may have closed the connections for another reason. */
  readonly #unnamed = new Map<TopicRight, Denial>();
  /** Connections in a row that the broker closed without any answer. */
  #silentLosses = 0;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.denials = new Denials(options.backoff, Math.random);
  }

  get acknowledged(): string[] {
    return [...this.#refusals.publish].flatMap(([topic, words]) => (words === undefined ? [topic] : [])).sort();
  }

  /** The topics that the broker refuses for the latest message, or the latest subscription. */
  refused(right: Right): string[] {
    return [...this.#refusals[right]].flatMap(([topic, words]) => (words === undefined ? [] : [topic])).sort();
  }

  /** Records the broker's answer to a message: an acknowledgement if `error` is undefined. */
  record(topic: string, error: Error | undefined): void {
    const { host, thing } = this.#options;
    if (!error) this.#accepted('publish', topic);
    else {
      const { kind, words } = refusalOf(error);
      this.#refused('publish', topic, words, refusalText(kind, words, topic, { host, thing }));
    }
  }

  /** Records the broker's answer to a subscription: it is granted if `error` is undefined. */
  recordSubscription(topic: string, error: Error | undefined): void {
    if (!error) this.#accepted('subscribe', topic);
    else this.#refused('subscribe', topic, error.message, `${error.message}${this.#remedyOf('subscribe', topic)}`);
  }

  /**
   * Records the end of a connection.
   * @param isReplaced whether the robot's own next connection ended it.
   * @returns whether a denied request explains it.
   */
  lost({ unanswered, overtaken, hasAnswer, reason }: Loss, isReplaced: boolean): boolean {
    const isClosed = !isReplaced && mayBeDenial(reason);
    this.#silentLosses = isClosed && !hasAnswer ? this.#silentLosses + 1 : 0;
    // The broker closed the connection although it had no request to deny.
    if (isClosed && unanswered.length === 0 && !hasAnswer) this.forget();
    const nowMs = this.#options.clock.mono();
    const denied = isClosed ? this.denials.lost(unanswered, nowMs) : this.denials.discarded(overtaken, unanswered, nowMs);
    if (denied === undefined) return false;
    const how = isClosed ? 'closes' : 'discards';
    this.#options.log.info(
      { event: 'request_denied', request: denied, how },
      'the connection ended because of this request; it is held back for a while',
    );
    // A broker that answers other requests works.
    if (hasAnswer) this.#name(denied, how);
    else this.#unnamed.set(denied, how);
    return this.#silentLosses <= MAX_SILENT_LOSSES;
  }

  /** Raises a problem for each denied request. Must be called once a connection stands without them. */
  nameDenied(): void {
    for (const [denied, how] of this.#unnamed) this.#name(denied, how);
  }

  /** Forgets which requests the broker denies: it closes connections without a request too, or the certificate is another. */
  forget(): void {
    const isShown = (right: TopicRight) => !this.#unnamed.has(right);
    for (const denied of this.denials.denied.filter(isShown)) {
      const [right, topic] = partsOf(denied);
      this.#refusals[right].delete(topic);
      this.#options.problems.clear(PROBLEM[right], topic);
    }
    this.#unnamed.clear();
    this.denials.forget();
  }

  #name(denied: TopicRight, how: Denial): void {
    const [right, topic] = partsOf(denied);
    const action = right === 'publish' ? 'publishes on' : 'subscribes to';
    const closes = `the broker closes the connection each time the robot ${action} ${topic}, as IoT Core does if the right is missing`;
    const discards = `the broker acknowledges no message on ${topic}, but later ones on other topics; its log may say more`;
    if (how === 'closes') this.#refused(right, topic, 'it closes the connection', `${closes}${this.#remedyOf(right, topic)}`);
    else this.#refused(right, topic, 'it does not acknowledge them', discards);
  }

  #accepted(right: Right, topic: string): void {
    this.#refusals[right].set(topic, undefined);
    this.#unnamed.delete(`${right} ${topic}`);
    this.#options.problems.clear(PROBLEM[right], topic);
  }

  #refused(right: Right, topic: string, words: string, text: string): void {
    const { problems, log } = this.#options;
    this.#unnamed.delete(`${right} ${topic}`);
    problems.raise(PROBLEM[right], text, topic);
    if (this.#refusals[right].get(topic) !== words) log.warn({ event: PROBLEM[right], topic, reason: words }, text);
    this.#refusals[right].set(topic, words);
  }

  /** Says what a missing right costs, and how to grant it. */
  #remedyOf(right: Right, topic: string): string {
    const { host, thing } = this.#options;
    const cost = COSTS[topic.slice(topic.lastIndexOf('/') + 1)];
    return `${cost === undefined ? '' : `, so ${cost}`}; ${grantOf(right, topic, host, thing)}`;
  }
}

/** The costs of a missing right, by the topic's last name. On all other topics, the rows wait on the robot. */
const COSTS: Readonly<Record<string, string>> = {
  presence: 'the cloud does not know whether the robot is online',
  commands: 'commands do not arrive',
  receipts: 'receipts do not arrive, and the robot keeps all rows because none is ever confirmed',
};

/** Says in one sentence what the broker refuses, and how to change that. */
export function refusalText(kind: RefusalKind, words: string, topic: string, { host, thing }: { host: string; thing: string }): string {
  if (kind === 'right') {
    return `the broker does not let this certificate publish on ${topic}: ${words}; ${grantOf('publish', topic, host, thing)}`;
  }
  if (kind === 'topic')
    return `the broker does not accept the name of topic ${topic}: ${words}; set topic_prefix to a name that the broker accepts`;
  if (kind === 'quota')
    return `the broker refuses messages on ${topic} because of a limit: ${words}; raise the broker’s limit, or lower mqtt.messages_per_second`;
  return `the broker refuses a message on ${topic}: ${words}; the broker’s log may say more`;
}
