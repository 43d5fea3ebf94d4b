// Gives turns to everything that the cloud publishes to robots, so that no publication exceeds the broker's quota and is discarded.
// docs/adr/0047-publish-at-a-pace.md has the reasons.
import { TokenBucket } from 'limiter';

/** A lower rank has its turn first. */
export const RANKS = { command: 0, alert: 1, presence: 2, interval: 3 } as const;
export type Rank = (typeof RANKS)[keyof typeof RANKS];

interface Turn {
  readonly take: () => void;
  readonly refuse: (error: Error) => void;
}

export class Pace {
  readonly #bucket: TokenBucket;
  readonly #turns: readonly Turn[][] = Object.values(RANKS).map(() => []);
  #lastRank: number = RANKS.interval;
  #isServing = false;
  #isClosed = false;

  /** @param perSecond turns a second. At most a quarter is saved: after a stall, the broker counts saved and new turns in one second. */
  constructor(perSecond: number) {
    const bucketSize = Math.ceil(perSecond / 4);
    this.#bucket = new TokenBucket({ bucketSize, tokensPerInterval: perSecond, interval: 'second' });
    this.#bucket.content = bucketSize;
  }

  /** The number of turns that wait, by rank. */
  get waiting(): Record<keyof typeof RANKS, number> {
    const [command = 0, alert = 0, presence = 0, interval = 0] = this.#turns.map(({ length }) => length);
    return { command, alert, presence, interval };
  }

  /** Resolves when the caller may publish. @throws if the pace is closed. */
  turn(rank: Rank): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((take, refuse) => {
      this.#turns[rank]?.push({ take, refuse });
      void this.#serve();
    });
  }

  /** Refuses all turns that wait. */
  close(): void {
    this.#isClosed = true;
    for (const turns of this.#turns) for (const { refuse } of turns.splice(0)) refuse(closed());
  }

  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#turns.some(({ length }) => length > 0)) {
      await this.#bucket.removeTokens(1);
      this.#next()?.take();
    }
    this.#isServing = false;
  }

  /** Commands and receipts of alerts alternate while both wait, so that a flood of one does not hold up the other. */
  #next(): Turn | undefined {
    const hasTurn = (rank: number): boolean => (this.#turns[rank]?.length ?? 0) > 0;
    const isAlertDue = this.#lastRank === RANKS.command && hasTurn(RANKS.alert);
    this.#lastRank = isAlertDue ? RANKS.alert : this.#turns.findIndex(({ length }) => length > 0);
    return this.#turns[this.#lastRank]?.shift();
  }
}

function closed(): Error {
  return new Error('the cloud is stopping');
}
