// When samples are taken that may wait (`everyMs`). A calm topic's sample is handed over at once. Where they come more often, the
// subscription is no longer waited for: samples gather in DDS, a round takes what is there, and once rounds find nothing it is waited for
// again. Network drivers do so under load, for the same reason: to be woken costs more than what one is woken for.

export interface Gathered {
  readonly everyMs: number;
  /** When a look found something, by performance.now(). */
  tookMs: number;
  /** Takes what waits; `more`: not all of it. */
  look(): 'nothing' | 'all' | 'more';
}

/** Rounds in vain until a topic counts as calm: a publisher's jitter is no calm. */
const ROUNDS_IN_VAIN = 2;

interface Round {
  readonly inVain: Map<Gathered, number>;
  timer: NodeJS.Timeout | undefined;
}

export class Rounds {
  readonly #rounds = new Map<number, Round>();
  readonly #onCalm: (members: readonly Gathered[]) => void;

  /** @param onCalm is told who has to be waited for again. */
  constructor(onCalm: (members: readonly Gathered[]) => void) {
    this.#onCalm = onCalm;
  }

  has(member: Gathered): boolean {
    return this.#rounds.get(member.everyMs)?.inVain.has(member) ?? false;
  }

  /** Looked at first within `everyMs`, then so often. */
  join(member: Gathered): void {
    const { everyMs } = member;
    const round = this.#rounds.get(everyMs) ?? { inVain: new Map<Gathered, number>(), timer: undefined };
    this.#rounds.set(everyMs, round);
    round.inVain.set(member, 0);
    round.timer ??= this.#next(everyMs, everyMs);
  }

  leave(member: Gathered): void {
    const round = this.#rounds.get(member.everyMs);
    if (!round?.inVain.delete(member) || round.inVain.size > 0) return;
    clearTimeout(round.timer);
    this.#rounds.delete(member.everyMs);
  }

  stop(): void {
    for (const { timer } of this.#rounds.values()) clearTimeout(timer);
    this.#rounds.clear();
  }

  #next(everyMs: number, inMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#make(everyMs), inMs);
  }

  #make(everyMs: number): void {
    const round = this.#rounds.get(everyMs);
    if (round === undefined) return;
    let isMore = false;
    const calm: Gathered[] = [];
    for (const [member, inVain] of round.inVain) {
      const found = member.look();
      // What it called may have closed it.
      if (!round.inVain.has(member)) continue;
      isMore ||= found === 'more';
      if (found !== 'nothing') round.inVain.set(member, 0);
      else if (inVain + 1 < ROUNDS_IN_VAIN) round.inVain.set(member, inVain + 1);
      else calm.push(member);
    }
    if (this.#rounds.get(everyMs) !== round) return;
    round.timer = this.#next(everyMs, isMore ? 0 : everyMs);
    for (const member of calm) this.leave(member);
    if (calm.length > 0) this.#onCalm(calm);
  }
}
