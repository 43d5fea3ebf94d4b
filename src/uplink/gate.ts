// Lets the requests of one connection through, in turn. Usually all may be sent at once; a request that may be the reason why the broker
// closes connections is sent while no other one is unanswered, so that a loss shows the cause and costs nothing else. An alert on a topic
// without such a doubt never waits.
import type { Clock } from '../clock/index.ts';
import type { Denials } from './denials.ts';
import type { TopicRight } from './rights.ts';
import { isRefusedSubscription, type Link } from './session.ts';

/** Whether a request may be sent now, after the answers to others, or only after a wait. */
export type Turn = 'now' | 'later' | 'held';

/** A request without an answer. */
interface Open {
  readonly right: TopicRight;
  /** Whether the broker has acknowledged a message that was sent later. */
  isOvertaken: boolean;
}

interface Waiting {
  readonly right: TopicRight;
  readonly send: () => void;
}

export interface GateOptions {
  readonly session: Link;
  readonly denials: Denials;
  readonly clock: Pick<Clock, 'mono'>;
  /** Called when a request that had to wait may have its turn. */
  readonly onTurn: () => void;
}

export class Gate {
  /** The connection. Its requests are counted until their answers. */
  readonly link: Link;
  readonly #options: GateOptions;
  /** In the order in which they were sent. */
  #open: Open[] = [];
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #hasAnswer = false;

  constructor(options: GateOptions) {
    this.#options = options;
    this.link = this.#counting(options.session);
  }

  /** The requests without an answer. */
  get unanswered(): TopicRight[] {
    return [...new Set(this.#open.map(({ right }) => right))];
  }

  /** Those of them after which the broker has acknowledged a later message. */
  get overtaken(): TopicRight[] {
    return [...new Set(this.#open.filter(({ isOvertaken }) => isOvertaken).map(({ right }) => right))];
  }

  /** Whether the broker has answered a request. */
  get hasAnswer(): boolean {
    return this.#hasAnswer;
  }

  /** Whether a request waits for the answers to others, so that only alerts may be sent before it. */
  get isAwaited(): boolean {
    return this.#waiting.some(({ right }) => this.turn(right) !== 'held');
  }

  /** Whether a request that may close the connection has no answer yet. */
  get isTrying(): boolean {
    return this.unanswered.some((right) => this.#verdict(right, false) !== 'free');
  }

  turn(right: TopicRight, isAlert = false): Turn {
    const verdict = this.#verdict(right, isAlert);
    if (verdict === 'held') return 'held';
    if (verdict === 'alone') return this.#open.length === 0 ? 'now' : 'later';
    return this.isTrying && !isAlert ? 'later' : 'now';
  }

  /** Calls `send` when the request has its turn, once. A request that waits with the same right is replaced. */
  request(right: TopicRight, send: () => void): void {
    this.#waiting = [...this.#waiting.filter((each) => each.right !== right), { right, send }];
    this.#advance();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = [];
    clearTimeout(this.#timer);
  }

  #verdict(right: TopicRight, isAlert: boolean) {
    return this.#options.denials.verdict(right, isAlert, this.#options.clock.mono());
  }

  /** Sends the requests whose turn it is. */
  #advance(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    for (const each of [...this.#waiting]) {
      if (this.turn(each.right) !== 'now') continue;
      this.#waiting = this.#waiting.filter((other) => other !== each);
      each.send();
    }
    const heldMs = this.#options.denials.waitMs(this.#options.clock.mono());
    if (heldMs !== undefined) this.#timer = setTimeout(() => this.#nextTurn(), heldMs).unref();
  }

  #nextTurn(): void {
    this.#advance();
    if (!this.#isStopped) this.#options.onTurn();
  }

  #counting(session: Link): Link {
    return {
      limits: session.limits,
      ended: session.ended,
      drop: (reason) => session.drop(reason),
      close: () => session.close(),
      publish: (topic, payload, done, expiresInS) => {
        const right: TopicRight = `publish ${topic}`;
        this.#sent(right);
        const answered = (error: Error | undefined) => {
          done(error);
          this.#answered(right);
        };
        session.publish(topic, payload, answered, expiresInS);
      },
      subscribe: async (topics) => {
        const rights = topics.map((topic): TopicRight => `subscribe ${topic}`);
        for (const right of rights) this.#sent(right);
        let isAnswered = true;
        try {
          await session.subscribe(topics);
        } catch (error) {
          isAnswered = isRefusedSubscription(error);
          throw error;
        } finally {
          if (isAnswered) for (const right of rights) this.#answered(right);
        }
      },
    };
  }

  #sent(right: TopicRight): void {
    this.#open.push({ right, isOvertaken: false });
  }

  #answered(right: TopicRight): void {
    this.#hasAnswer = true;
    const isTried = this.#verdict(right, false) !== 'free';
    this.#options.denials.answered(right);
    const index = this.#open.findIndex((each) => each.right === right);
    // MQTT orders the acknowledgements of messages, but not those of subscriptions.
    if (right.startsWith('publish'))
      for (const earlier of this.#open.slice(0, index)) earlier.isOvertaken ||= earlier.right.startsWith('publish');
    this.#open = this.#open.toSpliced(index, 1);
    // The pump's turn comes first, because it may have an alert.
    if (isTried || this.#waiting.length > 0) setImmediate(() => this.#nextTurn());
  }
}
