// Decides when the agent tests files of its identity that were replaced while it runs. Pure: the time and the state of the link are
// parameters.
import type { Credentials, OwnCredentials } from '../../identity/index.ts';
import type { ProblemCode } from '../../status/index.ts';
import { NOT_REACHED } from '../../uplink/index.ts';

/** How often to repeat a failed test while the link does not work: at first, and at most. */
const WITHOUT_LINK = { minMs: 10_000, maxMs: 300_000 };

/** The same while the link works, because a test interrupts it for about two seconds. */
const WITH_LINK = { minMs: 300_000, maxMs: 6 * 3_600_000 };

/** Failures in which credentials were not tested. */
const UNTESTED: ReadonlySet<ProblemCode> = new Set([
  ...NOT_REACHED,
  ...(['broker_silent', 'broker_tls_mismatch', 'broker_unavailable', 'broker_quota'] as const),
]);

/** The link with the credentials in use. `failing`: it may work with other credentials. `unreachable`: the network is probably at fault. */
export type LinkSituation = 'connected' | 'failing' | 'unreachable';

/** @param cause the standing cause of failed connections, if any. */
export function situationOf(isConnected: boolean, cause: ProblemCode | undefined): LinkSituation {
  if (isConnected) return 'connected';
  return cause === undefined || !isVerdict(cause) ? 'unreachable' : 'failing';
}

/** Whether a connection that failed with this cause has tested its credentials. */
export function isVerdict(cause: ProblemCode): boolean {
  return !UNTESTED.has(cause);
}

/** Whether two identities have the same content. Comments in their files and the format of the key do not count. */
export function isSame(a: OwnCredentials, b: OwnCredentials): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key;
}

interface FailedTest {
  readonly atMs: number;
  readonly situation: LinkSituation;
  readonly hasVerdict: boolean;
  /** How many tests have failed in this situation in a row. */
  readonly count: number;
}

export class Replacement {
  readonly #settleMs: number;
  #candidate: { readonly credentials: Credentials; readonly sinceMs: number } | undefined;
  #failed: FailedTest | undefined;

  /** @param settleMs how long new credentials must stay unchanged before their test interrupts a link that works. */
  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** Whether the present candidate has failed a test. */
  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  /** @param found the credentials on disk; undefined if they are in use or unusable. @returns whether to test them now. */
  isDue(found: Credentials | undefined, situation: LinkSituation, nowMs: number): boolean {
    this.see(found, nowMs);
    if (!this.#candidate) return false;
    // Without a link there is nothing to interrupt, and alerts may be waiting.
    if (situation === 'connected' && nowMs < this.#candidate.sinceMs + this.#settleMs) return false;
    return this.#failed === undefined || nowMs >= this.#failed.atMs + pauseMs(this.#failed, situation);
  }

  /** Must be called before a test that {@link isDue} has not asked for. */
  see(found: Credentials | undefined, nowMs: number): void {
    if (found && this.#candidate && isSame(found, this.#candidate.credentials)) return;
    this.#candidate = found && { credentials: found, sinceMs: nowMs };
    this.#failed = undefined;
  }

  /** Records that the test of the candidate failed. @param situation before the test. */
  fail(cause: ProblemCode, situation: LinkSituation, nowMs: number): void {
    const count = this.#failed?.situation === situation ? this.#failed.count + 1 : 1;
    this.#failed = { atMs: nowMs, situation, hasVerdict: isVerdict(cause), count };
  }
}

function pauseMs({ situation: before, hasVerdict, count }: FailedTest, situation: LinkSituation): number {
  // The broker has refused these credentials, so they are of no use when it answers again.
  if (situation === 'unreachable' && hasVerdict) return Number.POSITIVE_INFINITY;
  // The broker answers again, so a test gets a verdict now.
  if (before === 'unreachable' && situation !== before && !hasVerdict) return 0;
  const { minMs, maxMs } = situation === 'connected' && hasVerdict ? WITH_LINK : WITHOUT_LINK;
  return situation === before ? Math.min(maxMs, minMs * 2 ** (count - 1)) : minMs;
}
