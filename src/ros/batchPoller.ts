// Decides when to poll the subscriptions whose samples may wait (`everyMs`). A sample of a calm topic is delivered at once. If samples
// arrive more often, the executor stops waiting for the subscription: samples gather in DDS, and a poll takes all of them. After polls that
// found nothing, the executor waits for the subscription again. Network drivers do the same under load: a wake-up costs more than its sample.
import type { Subscription } from './subscription.ts';

/** Empty polls in a row after which a topic counts as calm. A single empty poll may be the publisher's jitter. */
const EMPTY_POLLS_UNTIL_CALM = 2;

interface Batch {
  readonly emptyPolls: Map<Subscription, number>;
  timer: NodeJS.Timeout | undefined;
}

export class BatchPoller {
  /** The key is `everyMs`. */
  readonly #batches = new Map<number, Batch>();
  readonly #onCalm: () => void;

  /** @param onCalm is called after the poller removed calm subscriptions, so that the executor waits for them again. */
  constructor(onCalm: () => void) {
    this.#onCalm = onCalm;
  }

  has(subscription: Subscription): boolean {
    return this.#batches.get(subscription.everyMs)?.emptyPolls.has(subscription) ?? false;
  }

  /** Polls the subscription within `everyMs` for the first time, then every `everyMs`. */
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
      const outcome = subscription.poll();
      // A message handler may have closed the subscription.
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
