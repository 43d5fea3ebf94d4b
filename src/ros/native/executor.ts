// Receives samples. A thread of rclnodejs waits in rcl_wait and calls `#execute` with the ready handles; each wake-up takes all waiting
// samples, because one sample a wake-up loses messages at rates that a robot reaches. Subscriptions whose samples may wait leave the wait
// set while their topic is busy (batchPoller.ts), so that only the urgent subscriptions wake the thread. The wait is long, so an idle robot
// needs almost no processor time; a guard condition interrupts the wait for a stop or a new subscription.
import { stat } from 'node:fs/promises';
import { BatchPoller, type PolledSubscription } from '../batchPoller.ts';
import type { Dispatcher } from '../dispatcher.ts';
import type { NativeBinding, NativeExecutor, NativeHandle } from './functions.ts';

/** How long the thread sleeps when no sample comes. Only a fallback: the guard condition wakes the thread. */
const WAIT_MS = 1000;

/** Samples taken from one subscription in one turn (about 3 ms), so that a flood on one topic leaves the others their turn. */
export const SAMPLES_PER_TURN = 256;

/** A stop does not wait longer for the thread to answer the guard condition; the thread then ends with its wait. */
const PARK_TIMEOUT_MS = 500;

/** The addon reads these lists by name (`_handle`, `_subscriptions`, `_guards`) when it synchronises. */
interface ListedExecutor extends NativeExecutor {
  _subscriptions: readonly { readonly _handle: NativeHandle }[];
  _guards: readonly { readonly _handle: NativeHandle }[];
}

function createExecutor(binding: NativeBinding, execute: (ready: readonly NativeHandle[]) => void): ListedExecutor {
  return new (class extends binding.ShadowNode {
    _subscriptions: readonly Subscription[] = [];
    _guards: readonly { readonly _handle: NativeHandle }[] = [];
    execute = execute;
  })();
}

/** Takes the samples of one native subscription. */
export class Subscription implements PolledSubscription {
  readonly _handle: NativeHandle;
  readonly dispatcher: Dispatcher;
  /** 0: each sample at once. */
  readonly everyMs: number;
  takenAtMs = Number.NEGATIVE_INFINITY;
  closed = false;
  readonly #binding: NativeBinding;
  readonly #samplesPerTurn: number;

  constructor(binding: NativeBinding, handle: NativeHandle, dispatcher: Dispatcher, everyMs: number, samplesPerTurn: number) {
    this.#binding = binding;
    this._handle = handle;
    this.dispatcher = dispatcher;
    this.everyMs = everyMs;
    this.#samplesPerTurn = samplesPerTurn;
  }

  poll(): 'nothing' | 'all' | 'more' {
    const nowMs = performance.now();
    for (let n = 0; n < this.#samplesPerTurn; n += 1) {
      const bytes = this.closed ? undefined : this.#binding.rclTakeRaw(this._handle);
      if (bytes === undefined) return n === 0 ? 'nothing' : 'all';
      this.takenAtMs = nowMs;
      this.dispatcher.dispatch(bytes);
    }
    return 'more';
  }
}

export class Executor {
  /** Wake-ups so far. */
  turns = 0;
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #guard: NativeHandle;
  readonly #executor: ListedExecutor;
  readonly #subscriptions = new Map<NativeHandle, Subscription>();
  readonly #poller = new BatchPoller(() => this.#synchronize());
  #waiting: (() => void)[] = [];
  #stopping = false;

  constructor(binding: NativeBinding, context: NativeHandle) {
    this.#binding = binding;
    this.#context = context;
    this.#guard = binding.createGuardCondition(context);
    this.#executor = createExecutor(binding, (ready) => this.#execute(ready));
  }

  start(): void {
    this.#executor._guards = [{ _handle: this.#guard }];
    this.#executor.start(this.#context, WAIT_MS);
  }

  add(subscription: Subscription): void {
    this.#subscriptions.set(subscription._handle, subscription);
    this.#synchronize();
  }

  /** Afterwards the executor calls nothing of the subscription, and its handle may be released. */
  remove(subscription: Subscription): void {
    subscription.closed = true;
    subscription.dispatcher.close();
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

  /** From now on no sample is handed over; resolves when the thread has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#poller.stop();
    for (const subscription of this.#subscriptions.values()) {
      subscription.closed = true;
      subscription.dispatcher.close();
    }
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PARK_TIMEOUT_MS);
    });
    await Promise.race([this.nextTurn(), timeout]);
    clearTimeout(timer);
    // The addon's `stop` runs libuv's loop until a handle is closed. Called from a `setImmediate` callback, it would run the later
    // callbacks, and Node.js would then repeat the last of them for ever. A file call answers from the loop itself, outside such callbacks.
    await stat('/');
    this.#executor.stop();
  }

  /** The handles to release after the stop. */
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
    // Resolved in a later task: by then the executor's callback has returned and its thread waits again.
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

  /** Without handles the thread waits on a semaphore, outside rcl; ended there, it cannot miss a wake-up. */
  #park(): void {
    this.#executor._guards = [];
    this.#executor._subscriptions = [];
    this.#executor.syncHandles();
  }

  /** The thread locks the handles while it waits: without the guard condition this would block for up to WAIT_MS. */
  #synchronize(): void {
    this.#binding.triggerGuardCondition(this.#guard);
    this.#list();
  }

  #list(): void {
    this.#executor._subscriptions = [...this.#subscriptions.values()].filter((subscription) => !this.#poller.has(subscription));
    this.#executor.syncHandles();
  }
}
