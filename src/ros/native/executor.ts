// Receives samples. A thread of rclnodejs waits in rcl_wait and calls `#execute` with the ready handles. Each wake-up takes all waiting
// samples: with one sample a wake-up, messages would be lost at rates that a robot reaches. Subscriptions whose samples may wait leave the
// wait set while their topic is busy (batchPoller.ts), so only the urgent subscriptions wake the thread. The wait is long, so an idle robot
// needs almost no processor time. A guard condition interrupts the wait for a stop or a new subscription.
import { stat } from 'node:fs/promises';
import { wait } from '../../base/index.ts';
import { BatchPoller } from '../batchPoller.ts';
import { type PollOutcome, Subscription } from '../subscription.ts';
import type { NativeBinding, NativeExecutor, NativeHandle } from './functions.ts';

/** The longest sleep of the thread while no sample arrives. This is only a fallback: the guard condition wakes the thread. */
const WAIT_MS = 1000;

/** Samples taken from one subscription in one turn (about 3 ms), so that a flood on one topic does not block the other topics. */
export const SAMPLES_PER_TURN = 256;

/** A stop waits no longer for the thread to answer the guard condition. The thread then ends when its wait ends. */
const PARK_TIMEOUT_MS = 500;

/** The addon reads these two lists by name when it synchronises, and `_handle` of each entry. */
interface ListedExecutor extends NativeExecutor {
  _subscriptions: readonly NativeSubscription[];
  _guards: readonly { readonly _handle: NativeHandle }[];
}

export class NativeSubscription extends Subscription {
  readonly _handle: NativeHandle;
  readonly #binding: NativeBinding;
  readonly #samplesPerTurn: number;

  constructor(
    binding: NativeBinding,
    handle: NativeHandle,
    samplesPerTurn: number,
    ...subscription: ConstructorParameters<typeof Subscription>
  ) {
    super(...subscription);
    this.#binding = binding;
    this._handle = handle;
    this.#samplesPerTurn = samplesPerTurn;
  }

  poll(): PollOutcome {
    const nowMs = performance.now();
    for (let n = 0; n < this.#samplesPerTurn; n += 1) {
      const bytes = this.isClosed ? undefined : this.#binding.rclTakeRaw(this._handle);
      if (bytes === undefined) return n === 0 ? 'nothing' : 'all';
      this.takenAtMs = nowMs;
      this.dispatch(bytes);
    }
    return 'more';
  }
}

export class Executor {
  /** Number of wake-ups. */
  turns = 0;
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #guard: NativeHandle;
  readonly #executor: ListedExecutor;
  readonly #subscriptions = new Map<NativeHandle, NativeSubscription>();
  readonly #poller = new BatchPoller(() => this.#synchronize());
  #waiting: (() => void)[] = [];
  #stopping = false;

  constructor(binding: NativeBinding, context: NativeHandle) {
    this.#binding = binding;
    this.#context = context;
    const guard = binding.createGuardCondition(context);
    this.#guard = guard;
    const execute = (ready: readonly NativeHandle[]) => this.#execute(ready);
    this.#executor = new (class extends binding.ShadowNode {
      _subscriptions: readonly NativeSubscription[] = [];
      _guards: readonly { readonly _handle: NativeHandle }[] = [{ _handle: guard }];
      execute = execute;
    })();
  }

  start(): void {
    this.#executor.start(this.#context, WAIT_MS);
  }

  add(subscription: NativeSubscription): void {
    this.#subscriptions.set(subscription._handle, subscription);
    this.#synchronize();
  }

  /** Removes a closed subscription. The caller may release its handle after this call. */
  remove(subscription: NativeSubscription): void {
    this.#subscriptions.delete(subscription._handle);
    if (this.#poller.has(subscription)) this.#poller.remove(subscription);
    else this.#synchronize();
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#binding.triggerGuardCondition(this.#guard);
    });
  }

  /** Delivers no more samples from now on. Resolves when the thread has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#poller.stop();
    for (const subscription of this.#subscriptions.values()) subscription.end();
    const parked = new AbortController();
    await Promise.race([this.nextTurn(), wait(PARK_TIMEOUT_MS, parked.signal)]);
    parked.abort();
    // The addon's `stop` runs libuv's loop until a handle is closed. Called from a `setImmediate` callback, it would run the later
    // callbacks, and Node.js would then repeat the last of them for ever. A file call answers from the loop itself, outside such callbacks.
    await stat('/');
    this.#executor.stop();
  }

  /** The handles that the caller releases after the stop. */
  *handles(): Iterable<NativeHandle> {
    yield* this.#subscriptions.keys();
    yield this.#guard;
  }

  #execute(ready: readonly NativeHandle[]): void {
    this.turns += 1;
    if (this.#stopping) this.#park();
    else this.#receive(ready);
    if (!this.#stopping && !ready.includes(this.#guard)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // Resolves the promises in a later task, after the executor's callback has returned and its thread waits again.
    setImmediate(() => {
      for (const resolve of waiting) resolve();
    });
  }

  #receive(ready: readonly NativeHandle[]): void {
    const nowMs = performance.now();
    let isBusy = false;
    for (const handle of ready) {
      const subscription = this.#subscriptions.get(handle);
      if (subscription === undefined || this.#poller.has(subscription)) continue;
      if (nowMs - subscription.takenAtMs >= subscription.everyMs) subscription.poll();
      else {
        this.#poller.add(subscription);
        isBusy = true;
      }
    }
    // The thread waits for this callback and holds no lock, so no guard condition is needed.
    if (isBusy) this.#list();
  }

  /** Removes all handles. The thread then waits on a semaphore outside rcl, and it cannot miss the wake-up that ends it. */
  #park(): void {
    this.#executor._guards = [];
    this.#executor._subscriptions = [];
    this.#executor.syncHandles();
  }

  /** Passes the subscriptions to the thread, which holds a lock while it waits. The guard condition ends this wait of up to WAIT_MS. */
  #synchronize(): void {
    this.#binding.triggerGuardCondition(this.#guard);
    this.#list();
  }

  #list(): void {
    this.#executor._subscriptions = [...this.#subscriptions.values()].filter((subscription) => !this.#poller.has(subscription));
    this.#executor.syncHandles();
  }
}
