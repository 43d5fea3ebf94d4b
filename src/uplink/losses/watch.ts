// Remembers how connections ended, and what follows from it for the next ones.
import type { ProblemCode } from '../../status/index.ts';
import { NOT_REACHED } from '../causes.ts';
import { isUnexplained } from '../reasons.ts';
import { CALM_MS, type Explanation, explain, type PastLoss, predicts, recent } from './explain.ts';

/** How a broker, or the proxy before it, looks while it is away. */
const AWAY: readonly ProblemCode[] = ['broker_refused_connection', 'broker_hung_up'];

/** The share of an idle timeout after which the agent pings, and the shortest time between two pings. */
const PING_SHARE = 0.6;
const LEAST_PING_MS = 5_000;

/** A single loss says nothing, so that a fleet that loses its broker asks nothing. */
const ASK_AFTER_LOSSES = 2;

const REPEATED_FROM = 3;

export class LossWatch {
  #losses: readonly PastLoss[] = [];
  #explanation: Explanation | undefined;
  #pingEveryMs: number | undefined;

  /** Why connections keep ending; undefined if it is not known. May stand while this robot is connected. */
  get explanation(): Explanation | undefined {
    return this.#explanation;
  }

  /** Whether connections end again and again, so that a new one is no sign that the cause is gone. */
  get isRepeated(): boolean {
    return this.#losses.length >= REPEATED_FROM;
  }

  /** How long a connection may be idle before the agent pings; undefined if the keepalive suffices. */
  get pingEveryMs(): number | undefined {
    return this.#pingEveryMs;
  }

  /** Whether it would help to know whether the broker is still there after the last loss. */
  get asksForBroker(): boolean {
    return this.#losses.length >= ASK_AFTER_LOSSES && isUnexplained(this.#losses.at(-1)?.reason);
  }

  /** Records that a connection has ended. @returns why, if the present explanation predicts it. */
  ended(ended: Omit<PastLoss, 'wasRefused'>): Explanation | undefined {
    const loss = { ...ended, wasRefused: false };
    this.#losses = recent([...this.#losses, loss]);
    this.#conclude();
    return this.#explanation && predicts(this.#explanation, loss) ? this.#explanation : undefined;
  }

  /** Records a failed connection attempt. @returns why it failed, if the present explanation predicts it. */
  failed(atMs: number, cause: ProblemCode): Explanation | undefined {
    const isOld = atMs - (this.#losses.at(-1)?.atMs ?? atMs) > CALM_MS;
    const isAway = AWAY.includes(cause);
    // A broker that cannot be reached at all says nothing about its earlier connections, which the network may have ended.
    if (isOld || (!isAway && NOT_REACHED.includes(cause))) this.reset();
    return isAway ? this.wasRefused() : undefined;
  }

  /** Records that the broker was away right after the last loss. @returns why, if the present explanation predicts it. */
  wasRefused(): Explanation | undefined {
    const last = this.#losses.at(-1);
    if (!last) return undefined;
    this.#losses = [...this.#losses.slice(0, -1), { ...last, wasRefused: true }];
    this.#conclude();
    return this.#explanation?.kind === 'restarts' ? this.#explanation : undefined;
  }

  /** Must be called once a connection has lasted so long that whatever ended the others is gone. */
  reset(): void {
    this.#losses = [];
    // Without its pings, the idle timeout would end connections again.
    if (this.#explanation?.kind !== 'idle') this.#explanation = undefined;
  }

  #conclude(): void {
    this.#explanation = explain(this.#losses, this.#explanation);
    if (this.#explanation?.kind === 'idle') this.#pingEveryMs = pingEveryMs(this.#explanation.idleMs);
    if (this.#explanation?.kind === 'limit') this.#pingEveryMs = undefined;
  }
}

/** Returns how often to ping so that the connection is never idle for this long; undefined if that is too often. */
export function pingEveryMs(idleMs: number): number | undefined {
  const everyMs = Math.max(LEAST_PING_MS, Math.floor(idleMs * PING_SHARE));
  return everyMs < idleMs ? everyMs : undefined;
}
