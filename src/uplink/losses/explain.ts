// Explains why connections keep ending, from the evidence of the last ones. Pure.
import { isClosed, isUnexplained } from '../reasons.ts';

/** DISCONNECT reason codes (OASIS MQTT 5, 3.14.2.1). */
export const SESSION_TAKEN_OVER = 0x8e;
const SHUTTING_DOWN = 0x8b;

/** How one connection ended. */
export interface PastLoss {
  readonly atMs: number;
  /** How long the connection had lasted. */
  readonly lastedMs: number;
  /** How long it had been idle. */
  readonly idleMs: number;
  /** Whether the broker had answered everything, so that neither a message nor the network can be the cause. */
  readonly isAnswered: boolean;
  /** An error code or the reason code of a DISCONNECT; undefined if the connection was closed without a reason. */
  readonly reason: string | number | undefined;
  /** Whether the broker refused connections right after this loss. */
  readonly wasRefused: boolean;
}

export type Explanation =
  /** Another client uses this robot's name. If the broker did not say so, it is inferred. */
  | { readonly kind: 'taken'; readonly isReported: boolean }
  /** Something closes connections that are idle for this long. */
  | { readonly kind: 'idle'; readonly idleMs: number }
  /** Each connection ends after this time, whatever it carries. */
  | { readonly kind: 'limit'; readonly lastedMs: number }
  /** The broker itself goes away and comes back. */
  | { readonly kind: 'restarts'; readonly times: number };

/** Losses that are older than this are no evidence any more, and only the last ones count. */
const WINDOW_MS = 30 * 60_000;
const MOST = 8;

/** A connection that lasts longer than this ends the evidence: whatever ended the others is gone. */
export const CALM_MS = 10 * 60_000;

const REPORTED_LOSSES = 3;
const RESTART_LOSSES = 3;
/**
 * The number of exact times among the last losses. The others may be late because of a message. Four of five random times between 1 s and
 * 16 s lie within {@link TOLERANCE_MS} of each other once in 1,500 times.
 */
const LAST_LOSSES = 5;
const EXACT_LOSSES = 4;
const INFERRED_LOSSES = 5;

/** A busy robot may have a message in flight when its connection ends, but not every time. */
const ANSWERED_LOSSES = 3;

/** Two clients with one name end each other's connections after one backoff, so no connection lasts longer than this. */
const INFERRED_MS = 5 * 60_000;

/** Times are exact if they differ by less than this, which is the jitter of slow links, or by less than this share. */
const TOLERANCE_MS = 500;
const TOLERANCE = 0.05;

/** Shorter times are never configured. A second client that reconnects at once causes them. */
const LEAST_LIMIT_MS = 1_000;
const LEAST_IDLE_MS = 3_000;

/**
 * While another client is assumed, both clients wait for about a minute. Only shorter times are evidence of a timeout then, because the
 * other client may wait for an exact time.
 */
const OWN_RHYTHM_MS = 40_000;

/** Returns the losses that are still evidence at the time of the last one. */
export function recent(losses: readonly PastLoss[]): readonly PastLoss[] {
  const nowMs = losses.at(-1)?.atMs ?? 0;
  const calm = losses.findLastIndex(({ lastedMs }) => lastedMs > CALM_MS);
  return losses
    .slice(calm + 1)
    .filter(({ atMs }) => nowMs - atMs < WINDOW_MS)
    .slice(-MOST);
}

/**
 * @param losses see {@link recent}, the last one at the end.
 * @param standing the present explanation.
 * @returns the explanation; undefined if the evidence supports none.
 */
export function explain(losses: readonly PastLoss[], standing: Explanation | undefined): Explanation | undefined {
  const isTaken = standing?.kind === 'taken';
  const restarts = losses.filter(({ wasRefused, reason }) => wasRefused || reason === SHUTTING_DOWN).length;
  if (losses.filter(({ reason }) => reason === SESSION_TAKEN_OVER).length >= REPORTED_LOSSES) return { kind: 'taken', isReported: true };
  if (restarts >= RESTART_LOSSES) return { kind: 'restarts', times: losses.length };
  const exact = exactTime(losses.slice(-LAST_LOSSES), standing);
  if (exact && !(isTaken && timeOf(exact) > OWN_RHYTHM_MS)) return exact;
  const isTimed = standing?.kind === 'idle' || standing?.kind === 'limit';
  const others = losses.filter((loss) => !(isTimed && predicts(standing, loss)));
  return isTaken || looksTaken(others.slice(-INFERRED_LOSSES)) ? { kind: 'taken', isReported: isTaken && standing.isReported } : standing;
}

/**
 * A time limit and an idle timeout look the same on a robot that sends nothing. The idle timeout is assumed first, because pings then show
 * the difference: a time limit ends the connection nevertheless.
 */
function exactTime(last: readonly PastLoss[], standing: Explanation | undefined): (Explanation & { kind: 'idle' | 'limit' }) | undefined {
  const unexplained = last.filter(({ reason }) => isUnexplained(reason));
  const idleMs = commonTime(unexplained.map((loss) => loss.idleMs));
  if (idleMs !== undefined && idleMs >= LEAST_IDLE_MS && standing?.kind !== 'limit') return { kind: 'idle', idleMs };
  const lastedMs = commonTime(unexplained.map((loss) => loss.lastedMs));
  return lastedMs !== undefined && lastedMs >= LEAST_LIMIT_MS && areAnswered(unexplained) ? { kind: 'limit', lastedMs } : undefined;
}

function timeOf(explanation: Explanation & { kind: 'idle' | 'limit' }): number {
  return explanation.kind === 'idle' ? explanation.idleMs : explanation.lastedMs;
}

/** Whether a loss is one that the explanation predicts. */
export function predicts(explanation: Explanation, { idleMs, lastedMs, reason }: PastLoss): boolean {
  if (explanation.kind === 'taken') return isClosed(reason) || reason === SESSION_TAKEN_OVER;
  if (explanation.kind === 'restarts') return isUnexplained(reason) || reason === SHUTTING_DOWN;
  if (explanation.kind === 'idle') return exactly([explanation.idleMs, idleMs]) !== undefined;
  return exactly([explanation.lastedMs, lastedMs]) !== undefined;
}

/** Whether these connections ended as if another client had taken them over: closed in order, while they worked, at irregular times. */
function looksTaken(last: readonly PastLoss[]): boolean {
  const commonMs = commonTime(last.map((loss) => loss.lastedMs));
  const isExact = commonMs !== undefined && commonMs >= LEAST_LIMIT_MS;
  if (last.length < INFERRED_LOSSES || isExact || !areAnswered(last)) return false;
  return last.every(({ reason, wasRefused, lastedMs }) => isClosed(reason) && !wasRefused && lastedMs <= INFERRED_MS);
}

function areAnswered(losses: readonly PastLoss[]): boolean {
  return losses.filter(({ isAnswered }) => isAnswered).length >= ANSWERED_LOSSES;
}

/** Returns the time that {@link EXACT_LOSSES} of these times have in common, except for the jitter of the network. */
function commonTime(times: readonly number[]): number | undefined {
  const sorted = times.toSorted((a, b) => a - b);
  const groups = sorted.slice(EXACT_LOSSES - 1).map((_, i) => sorted.slice(i, i + EXACT_LOSSES));
  return groups.map(exactly).find((time) => time !== undefined);
}

/** Returns the shortest of the times if they are equal except for the jitter of the network. */
function exactly(times: readonly number[]): number | undefined {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  return most - least <= Math.max(TOLERANCE_MS, most * TOLERANCE) ? least : undefined;
}
