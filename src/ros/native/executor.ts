// Receives samples. A thread inside rclnodejs waits in rcl_wait and calls `#execute` with the ready handles. Each wake-up takes all waiting
// samples, because one sample per wake-up would be too slow for a robot's message rates and would lose messages. While a topic is busy,
// subscriptions whose samples may wait leave the wait set (batchPoller.ts), so only the urgent subscriptions wake the thread. The thread
// may wait long, so an idle robot needs almost no processor time. A guard condition interrupts the wait for a stop or a new subscription.
import { stat } from 'node:fs/promises';
import { wait } from '../../base/index.ts';
import { BatchPoller } from '../batchPoller.ts';
import type { NativeBinding, NativeExecutor, NativeHandle } from './functions.ts';
import type { NativeSubscription } from './subscription.ts';

/** The longest sleep of the thread while no sample arrives. Only a fallback, because the guard condition wakes the thread. */
const WAIT_MS = 1000;

/** `stop` waits at most this long for the thread to react to the guard condition. If it does not, it ends when its own wait ends. */
const PARK_TIMEOUT_MS = 500;

interface Listed {
  readonly _handle: NativeHandle;
}

/** When it synchronises, the addon reads these two lists by name, and the `_handle` of each of their entries. */
interface ListedExecutor extends NativeExecutor {
  _subscriptions: readonly Listed[];
  _guards: readonly Listed[];
}

export class Executor {
  /** How often the thread has called `#execute`. */
  turns = 0;
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #guard: NativeHandle;
  readonly #executor: ListedExecutor;
  readonly #subscriptions = new Set<NativeSubscription>();
  /** The subscriptions of the handles for which the thread waits. */
  #owners = new Map<NativeHandle, NativeSubscription>();
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
      _subscriptions: readonly Listed[] = [];
      _guards: readonly Listed[] = [{ _handle: guard }];
      execute = execute;
    })();
  }

  start(): void {
    this.#executor.start(this.#context, WAIT_MS);
  }

  /** Waits for a subscription's handles. Call it again after the subscription has opened another reader. */
  add(subscription: NativeSubscription): void {
    this.#subscriptions.add(subscription);
    this.#synchronize();
  }

  /** Call this once the subscription is closed. Its handles may be released afterwards. */
  remove(subscription: NativeSubscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#poller.has(subscription)) this.#poller.remove(subscription);
    else this.#synchronize();
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#binding.triggerGuardCondition(this.#guard);
    });
  }

  /** Stops delivering samples at once. Resolves when the thread has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#poller.stop();
    for (const subscription of this.#subscriptions) subscription.end();
    const parked = new AbortController();
    await Promise.race([this.nextTurn(), wait(PARK_TIMEOUT_MS, parked.signal)]);
    parked.abort();
    // The addon's `stop` runs a nested libuv loop until a handle has closed. If a `setImmediate` callback called it, the nested loop would
    // run the remaining callbacks, and Node.js would then repeat the last of them forever. After this file operation, the code continues in
    // a callback of the event loop itself.
    await stat('/');
    this.#executor.stop();
  }

  /** The handles that the caller must release after `stop`. */
  *handles(): Iterable<NativeHandle> {
    for (const { handles } of this.#subscriptions) yield* handles;
    yield this.#guard;
  }

  #execute(ready: readonly NativeHandle[]): void {
    this.turns += 1;
    if (this.#stopping) this.#park();
    else this.#receive(ready);
    if (!this.#stopping && !ready.includes(this.#guard)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // The promises must resolve only after this callback has returned and the thread is waiting again.
    setImmediate(() => {
      for (const resolve of waiting) resolve();
    });
  }

  #receive(ready: readonly NativeHandle[]): void {
    const nowMs = performance.now();
    let isBusy = false;
    const subscriptions = new Set(ready.map((handle) => this.#owners.get(handle)));
    for (const subscription of subscriptions) {
      if (subscription === undefined || !this.#subscriptions.has(subscription) || this.#poller.has(subscription)) continue;
      if (nowMs - subscription.takenAtMs >= subscription.everyMs) subscription.take(ready);
      else {
        this.#poller.add(subscription);
        isBusy = true;
      }
    }
    // During this callback the thread does not hold its lock, so `#list` need not wake it with the guard condition.
    if (isBusy) this.#list();
  }

  /** Removes all handles, so that the thread waits on a semaphore outside rcl. There it cannot miss the wake-up that ends it. */
  #park(): void {
    this.#executor._guards = [];
    this.#executor._subscriptions = [];
    this.#executor.syncHandles();
  }

  /**
   * Passes the current subscriptions to the thread. A waiting thread holds its lock for up to WAIT_MS, so the guard condition must wake it
   * first.
   */
  #synchronize(): void {
    this.#binding.triggerGuardCondition(this.#guard);
    this.#list();
  }

  #list(): void {
    const waiting = [...this.#subscriptions].filter((subscription) => !this.#poller.has(subscription));
    this.#owners = new Map(waiting.flatMap((subscription) => subscription.handles.map((handle) => [handle, subscription] as const)));
    this.#executor._subscriptions = [...this.#owners.keys()].map((_handle) => ({ _handle }));
    this.#executor.syncHandles();
  }
}
