// Records how connection attempts and connections end. Raises and clears the problems of the link, of which at most one is raised at a time,
// and sets the pace of the next attempts.
import { codeOf, STABLE_AFTER_MS } from '../base/index.ts';
import type { ProblemCode } from '../status/index.ts';
import { CAUSES } from './causes.ts';
import { ConnectError, NO_ANSWER } from './connectError.ts';
import type { Loss } from './connection.ts';
import { CALM_MS, type Explanation } from './losses/explain.ts';
import { refusesTcp } from './losses/port.ts';
import { LossWatch } from './losses/watch.ts';
import { CODES, textOf } from './losses/words.ts';
import type { Path } from './network/path.ts';
import type { UplinkOptions } from './options.ts';
import { Pace } from './pace.ts';
import { isUnexplained } from './reasons.ts';

const LINK_PROBLEMS: readonly ProblemCode[] = [...CAUSES, CODES.taken, CODES.limit, CODES.restarts, 'mqtt_ended'];

/** A connection that lasts this much longer than the deadlines of SUBACK and PUBACK had all its first requests answered. */
const ANSWERED_AFTER_MS = 100;

type LinkProblemsOptions = Pick<UplinkOptions, 'thing' | 'clock' | 'problems' | 'log' | 'ackTimeoutMs' | 'connectTimeoutMs' | 'backoff'>;

/** The connection that ended. */
export interface Ended {
  readonly lastedMs: number;
  readonly endpoint: string;
  readonly path: Path | undefined;
}

export class LinkProblems {
  readonly #options: LinkProblemsOptions;
  readonly #losses = new LossWatch();
  readonly pace: Pace;

  constructor(options: LinkProblemsOptions) {
    this.#options = options;
    this.pace = new Pace(options.backoff);
  }

  /** How long a connection may be idle before the agent pings; undefined if the keepalive suffices. */
  get pingEveryMs(): number | undefined {
    return this.#losses.pingEveryMs;
  }

  /**
   * Clears the problems that a new connection ends, and later those that a lasting connection ends: a broker that accepts connections may
   * still be silent, and whatever ends connections may still be there.
   * @returns a function to call when the connection has ended.
   */
  connected(): () => void {
    const { problems, ackTimeoutMs, connectTimeoutMs } = this.#options;
    const ended = LINK_PROBLEMS.filter((code) => code !== 'broker_silent');
    problems.clearOthers(ended, this.#standing ?? (this.#losses.isRepeated ? 'mqtt_ended' : undefined));
    const stable = setTimeout(() => problems.clear('mqtt_ended'), STABLE_AFTER_MS).unref();
    const answeredMs = Math.max(ackTimeoutMs, connectTimeoutMs) + ANSWERED_AFTER_MS;
    const answered = setTimeout(() => problems.clear('broker_silent'), answeredMs).unref();
    const calm = setTimeout(() => {
      this.#losses.reset();
      problems.clearOthers(ended);
    }, CALM_MS).unref();
    return () => {
      clearTimeout(answered);
      clearTimeout(stable);
      clearTimeout(calm);
    };
  }

  /** Reports a failed attempt. */
  notConnected(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    const explanation = this.#losses.failed(this.#options.clock.mono(), cause);
    this.pace.failed(explanation);
    if (!explanation) this.#raise(cause, reason, text);
  }

  /** Reports the end of a connection that the robot did not want to end. */
  ended({ reason, unanswered, hasAnswer, traffic: { ageMs, idleMs, isPinging } }: Loss, { lastedMs, endpoint, path }: Ended): void {
    const { clock, log } = this.#options;
    const isAnswered = hasAnswer && unanswered.length === 0 && !isPinging;
    const code = reason instanceof ConnectError ? reason.reason : reason && (codeOf(reason) ?? reason.name);
    const explanation = this.#losses.ended({ atMs: clock.mono(), lastedMs: ageMs, idleMs, isAnswered, reason: code });
    this.pace.ended(lastedMs, typeof code === 'number' || isUnexplained(code), explanation);
    if (path && this.#losses.asksForBroker) void this.#askFor(path, endpoint);
    const text = reason?.message ?? 'closed by the broker';
    const facts = { lasted_ms: lastedMs, idle_ms: Math.round(idleMs), answered: isAnswered, cause: explanation?.kind };
    log.warn({ event: 'disconnected', ...facts, reason: text }, 'the connection ended');
    if (explanation) this.#report(explanation, endpoint);
    else if (code === NO_ANSWER) this.#raise('broker_silent', code, `${endpoint}: ${text}`);
    else this.#options.problems.raise('mqtt_ended', `the connection ended after ${Math.round(lastedMs / 1000)} s: ${text}`);
  }

  /** The problem that stands until a connection lasts. */
  get #standing(): ProblemCode | undefined {
    const { explanation } = this.#losses;
    return explanation && CODES[explanation.kind];
  }

  async #askFor(path: Path, endpoint: string): Promise<void> {
    if (!(await refusesTcp(path))) return;
    const explanation = this.#losses.wasRefused();
    if (explanation) this.#report(explanation, endpoint);
  }

  #raise(cause: ProblemCode, reason: string | number | undefined, text: string): void {
    const { problems, log } = this.#options;
    problems.clearOthers(LINK_PROBLEMS, cause);
    problems.raise(cause, text);
    log.debug({ event: 'connect_failed', cause, reason }, text);
  }

  #report(explanation: Explanation, endpoint: string): void {
    const { thing, problems } = this.#options;
    const code = CODES[explanation.kind];
    problems.clearOthers(LINK_PROBLEMS, code);
    problems.raise(code, textOf(explanation, { thing, endpoint, pingEveryMs: this.pingEveryMs }));
    // Its pings go on for the rest of the run, and so does the reason for them.
    if (this.pingEveryMs === undefined && explanation.kind !== 'idle') problems.clear(CODES.idle);
  }
}
