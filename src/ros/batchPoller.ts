// Decides when to poll subscriptions whose samples may wait (`everyMs`). While a topic is calm, the executor waits for it and delivers each
// sample at once. If samples arrive more often than every `everyMs`, the executor stops waiting for the subscription, samples gather in
// DDS, and each poll takes all of them. After EMPTY_POLLS_UNTIL_CALM empty polls, the executor waits for it again. Network drivers do the
// same under load, because a wake-up costs more than handling its sample.
import type { Subscription } from './subscription.ts';

/** A topic is calm again after this many empty polls in a row. One is not enough: it may only be the publisher's jitter. */
const EMPTY_POLLS_UNTIL_CALM = 2;

interface Batch {
  readonly emptyPolls: Map<Subscription, number>;
  timer: NodeJS.Timeout | undefined;
}

export class BatchPoller {
  /** Keyed by `everyMs`. */
  readonly #batches = new Map<number, Batch>();
  readonly #onCalm: () => void;

  /** @param onCalm is called after calm subscriptions have been removed from the poller, so that the executor can wait for them again. */
  constructor(onCalm: () => void) {
    this.#onCalm = onCalm;
  }

  has(subscription: Subscription): boolean {
    return this.#batches.get(subscription.everyMs)?.emptyPolls.has(subscription) ?? false;
  }

  /** Polls the subscription every `everyMs`. The first poll may come earlier, because all subscriptions with this period share a timer. */
  add(subscription: Subscription): void {
    const { everyMs } = subscription;
    const batch = this.#batches.get(everyMs) ?? { emptyPolls: new Map<Subscription, number>(), timer: undefined };
    this.#batches.set(everyMs, batch);
    batch.emptyPolls.set(subscription, 0);
    batch.timer ??= setTimeout(() => this.#poll(everyMs), everyMs);
  }

  remove(subscription: Subscription): void {
    const batch = this.#batches.get(subscription.everyMs);
    if (!batch?.emptyPolls.delete(subscription) || batch.emptyPolls.size > 0) return;
    clearTimeout(batch.timer);
    this.#batches.delete(subscription.everyMs);
  }

  stop(): void {
    for (const { timer } of this.#batches.values()) clearTimeout(timer);
    this.#batches.clear();
  }

  #poll(everyMs: number): void {
    const batch = this.#batches.get(everyMs);
    if (batch === undefined) return;
    let isMore = false;
    const calm: Subscription[] = [];
    for (const [subscription, emptyPolls] of batch.emptyPolls) {
      const outcome = subscription.take();
      // A message handler called by this poll may have closed the subscription.
      if (!batch.emptyPolls.has(subscription)) continue;
      isMore ||= outcome === 'more';
      if (outcome !== 'nothing') batch.emptyPolls.set(subscription, 0);
      else if (emptyPolls + 1 < EMPTY_POLLS_UNTIL_CALM) batch.emptyPolls.set(subscription, emptyPolls + 1);
      else calm.push(subscription);
    }
    if (this.#batches.get(everyMs) !== batch) return;
    batch.timer = setTimeout(() => this.#poll(everyMs), isMore ? 0 : everyMs);
    for (const subscription of calm) this.remove(subscription);
    if (calm.length > 0) this.#onCalm();
  }
}
