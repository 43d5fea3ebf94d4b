// Limits the rows and bytes of each robot over time. A robot that delivers more than any honest robot goes into quarantine: the cloud takes
// its alerts, and of the rest as much as the rate permits. Pure: time is a parameter.

import type { Weight } from '../messages/index.ts';

export interface RateLimits {
  /** The allowance that a robot may spend at once. */
  readonly burst: Readonly<Weight>;
  readonly perSecond: Readonly<Weight>;
}

/**
 * The burst is a whole outbox of 2.5 million rows (`outbox.max_size` of 512 MiB), after weeks without a network. Then a robot may send
 * 2,000 rows a second, without end; the default configuration sends less than 1.
 */
export const RATE: RateLimits = {
  burst: { rows: 3_000_000, bytes: 512 * 1024 ** 2 },
  perSecond: { rows: 2_000, bytes: 256 * 1024 },
};

/** Each message costs at least a row of this many, because it is work without rows too. */
const LEAST_ROWS = 50;
/** A robot leaves quarantine when this share of its burst is available again. */
const RELEASED_AT = 0.02;

interface Account extends Weight {
  atMs: number;
  isOver: boolean;
}

export class Rates {
  readonly #limits: RateLimits;
  readonly #accounts = new Map<string, Account>();

  constructor(limits: RateLimits) {
    this.#limits = limits;
  }

  /** Whether the allowance of the robot is used up now. */
  isSpent(robot: string, nowMs: number): boolean {
    const account = this.#filled(robot, nowMs);
    return account !== undefined && (account.rows <= 0 || account.bytes <= 0);
  }

  /** @returns whether the robot goes into quarantine with this message. */
  spend(robot: string, weight: Weight, nowMs: number): boolean {
    const { burst } = this.#limits;
    const account = this.#filled(robot, nowMs) ?? { ...burst, atMs: nowMs, isOver: false };
    account.rows -= Math.max(LEAST_ROWS, weight.rows);
    account.bytes -= weight.bytes;
    this.#accounts.set(robot, account);
    const begins = !account.isOver && (account.rows <= 0 || account.bytes <= 0);
    account.isOver ||= begins;
    return begins;
  }

  /** Forgets robots that have their whole allowance. @returns the robots whose quarantine has ended. */
  sweep(nowMs: number): string[] {
    const { burst } = this.#limits;
    const released: string[] = [];
    for (const [robot, account] of this.#accounts) {
      this.#filled(robot, nowMs);
      if (account.isOver && account.rows >= burst.rows * RELEASED_AT && account.bytes >= burst.bytes * RELEASED_AT) {
        account.isOver = false;
        released.push(robot);
      }
      if (account.rows === burst.rows && account.bytes === burst.bytes) this.#accounts.delete(robot);
    }
    return released;
  }

  get quarantined(): string[] {
    return [...this.#accounts].filter(([, { isOver }]) => isOver).map(([robot]) => robot);
  }

  #filled(robot: string, nowMs: number): Account | undefined {
    const account = this.#accounts.get(robot);
    if (!account) return undefined;
    const { burst, perSecond } = this.#limits;
    const seconds = (nowMs - account.atMs) / 1_000;
    account.atMs = nowMs;
    account.rows = Math.min(burst.rows, account.rows + seconds * perSecond.rows);
    account.bytes = Math.min(burst.bytes, account.bytes + seconds * perSecond.bytes);
    return account;
  }
}
