// When to poll the subscriptions whose samples may wait (`everyMs`). A sample of a calm topic is handed over at once. If samples come more
// often, the executor stops waiting for the subscription: samples gather in DDS, and a poll takes them all. After polls that found nothing
// the executor waits for the subscription again. Network drivers do the same under load: a wake-up costs more than its sample.

export interface PolledSubscription {
  readonly everyMs: number;
  /** When a poll last found a sample, by performance.now(). */
  takenAtMs: number;
  /** Takes the waiting samples; `more`: some still wait. */
  poll(): 'nothing' | 'all' | 'more';
}

/** Empty polls in a row until a topic counts as calm: one alone may be the publisher's jitter. */
const EMPTY_POLLS_UNTIL_CALM = 2;

interface Batch {
  readonly emptyPolls: Map<PolledSubscription, number>;
  timer: NodeJS.Timeout | undefined;
}

export class BatchPoller {
  /** By `everyMs`. */
  readonly #batches = new Map<number, Batch>();
  readonly #onCalm: () => void;

  /** @param onCalm is called after calm subscriptions left, for the executor to wait for them again. */
  constructor(onCalm: () => void) {
    this.#onCalm = onCalm;
  }

  has(subscription: PolledSubscription): boolean {
    return this.#batches.get(subscription.everyMs)?.emptyPolls.has(subscription) ?? false;
  }

  /** The first poll comes within `everyMs`, the next ones every `everyMs`. */
  add(subscription: PolledSubscription): void {
    const { everyMs } = subscription;
    const batch = this.#batches.get(everyMs) ?? { emptyPolls: new Map<PolledSubscription, number>(), timer: undefined };
    this.#batches.set(everyMs, batch);
    batch.emptyPolls.set(subscription, 0);
    batch.timer ??= this.#schedule(everyMs, everyMs);
  }

  remove(subscription: PolledSubscription): void {
    const batch = this.#batches.get(subscription.everyMs);
    if (!batch?.emptyPolls.delete(subscription) || batch.emptyPolls.size > 0) return;
    clearTimeout(batch.timer);
    this.#batches.delete(subscription.everyMs);
  }

  stop(): void {
    for (const { timer } of this.#batches.values()) clearTimeout(timer);
    this.#batches.clear();
  }

  #schedule(everyMs: number, inMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#poll(everyMs), inMs);
  }

  #poll(everyMs: number): void {
    const batch = this.#batches.get(everyMs);
    if (batch === undefined) return;
    let isMore = false;
    const calm: PolledSubscription[] = [];
    for (const [subscription, emptyPolls] of batch.emptyPolls) {
      const found = subscription.poll();
      // A message handler may have closed the subscription.
      if (!batch.emptyPolls.has(subscription)) continue;
      isMore ||= found === 'more';
      if (found !== 'nothing') batch.emptyPolls.set(subscription, 0);
      else if (emptyPolls + 1 < EMPTY_POLLS_UNTIL_CALM) batch.emptyPolls.set(subscription, emptyPolls + 1);
      else calm.push(subscription);
    }
    if (this.#batches.get(everyMs) !== batch) return;
    batch.timer = this.#schedule(everyMs, isMore ? 0 : everyMs);
    for (const subscription of calm) this.remove(subscription);
    if (calm.length > 0) this.#onCalm();
  }
}
