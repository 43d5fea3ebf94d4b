// How samples come in. A thread of rclnodejs waits in rcl_wait and calls `#execute` with what is ready; each wake-up takes all samples
// that wait, because one sample a wake-up loses messages at rates a robot reaches. Subscriptions whose samples may wait leave the wait set
// while their topic is busy (rounds.ts), so that those that may not are woken by themselves alone. The wait is long (an idle robot costs
// next to nothing), and a guard condition cuts it short whenever something has to change: stopping or subscribing never waits for it.
import { stat } from 'node:fs/promises';
import type { NativeBinding, NativeExecutor, NativeHandle } from './binding.ts';
import type { Delivery } from './delivery.ts';
import { type Gathered, Rounds } from './rounds.ts';

/** How long the executor's thread sleeps when nothing comes; only a fallback, the guard condition wakes it. */
const WAIT_MS = 1000;

/** Taken from one subscription in one turn, so that a flood on one topic leaves the others their turn (about 3 ms). */
export const SAMPLES_PER_TURN = 256;

/** If the executor doesn't answer the guard condition, stop anyway; the thread then ends with its wait. */
const PARK_TIMEOUT_MS = 500;

/** The addon reads the lists of this object by name (`_handle`, `_subscriptions`, `_guards`) when it synchronises. */
interface Executor extends NativeExecutor {
  _subscriptions: readonly { readonly _handle: NativeHandle }[];
  _guards: readonly { readonly _handle: NativeHandle }[];
}

function createExecutor(binding: NativeBinding, execute: (ready: readonly NativeHandle[]) => void): Executor {
  return new (class extends binding.ShadowNode {
    _subscriptions: readonly Receiver[] = [];
    _guards: readonly { readonly _handle: NativeHandle }[] = [];
    execute = execute;
  })();
}

/** One subscription's end of it. */
export class Receiver implements Gathered {
  readonly _handle: NativeHandle;
  readonly delivery: Delivery;
  /** 0: each sample at once. */
  readonly everyMs: number;
  tookMs = Number.NEGATIVE_INFINITY;
  closed = false;
  readonly #binding: NativeBinding;
  readonly #samplesPerTurn: number;

  constructor(binding: NativeBinding, handle: NativeHandle, delivery: Delivery, everyMs: number, samplesPerTurn: number) {
    this.#binding = binding;
    this._handle = handle;
    this.delivery = delivery;
    this.everyMs = everyMs;
    this.#samplesPerTurn = samplesPerTurn;
  }

  look(): 'nothing' | 'all' | 'more' {
    const nowMs = performance.now();
    for (let n = 0; n < this.#samplesPerTurn; n += 1) {
      const bytes = this.closed ? undefined : this.#binding.rclTakeRaw(this._handle);
      if (bytes === undefined) return n === 0 ? 'nothing' : 'all';
      this.tookMs = nowMs;
      this.delivery.sample(bytes);
    }
    return 'more';
  }
}

export class Reception {
  served = 0;
  readonly #binding: NativeBinding;
  readonly #context: NativeHandle;
  readonly #guard: NativeHandle;
  readonly #executor: Executor;
  readonly #receivers = new Map<NativeHandle, Receiver>();
  readonly #rounds = new Rounds(() => this.#synchronize());
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

  add(receiver: Receiver): void {
    this.#receivers.set(receiver._handle, receiver);
    this.#synchronize();
  }

  /** Afterwards nothing of the receiver is called, and its handle may be released. */
  remove(receiver: Receiver): void {
    receiver.closed = true;
    receiver.delivery.close();
    this.#receivers.delete(receiver._handle);
    if (this.#rounds.has(receiver)) this.#rounds.leave(receiver);
    else this.#synchronize();
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#binding.triggerGuardCondition(this.#guard);
    });
  }

  /** Nothing is handed over any more; resolves when the thread has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#rounds.stop();
    for (const receiver of this.#receivers.values()) {
      receiver.closed = true;
      receiver.delivery.close();
    }
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PARK_TIMEOUT_MS);
    });
    await Promise.race([this.nextTurn(), tooLong]);
    clearTimeout(timer);
    // It turns libuv's loop within itself until a handle is closed. In the midst of immediates that would run those behind it, and Node,
    // coming back, would go round the last of them for ever. A file's answer comes in the loop's own turn, with no immediate under way.
    await stat('/');
    this.#executor.stop();
  }

  /** What may be released once it has stopped. */
  *handles(): Iterable<NativeHandle> {
    yield* this.#receivers.keys();
    yield this.#guard;
  }

  #execute(ready: readonly NativeHandle[]): void {
    this.served += 1;
    if (this.#stopping) this.#park();
    else this.#receive(ready);
    if (!this.#stopping && !ready.includes(this.#guard)) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    // Resolved in a task of its own: by then the executor's callback has returned and its thread waits again.
    setImmediate(() => {
      for (const resolve of waiting) resolve();
    });
  }

  #receive(ready: readonly NativeHandle[]): void {
    const nowMs = performance.now();
    let isBusy = false;
    for (const handle of ready) {
      const receiver = this.#receivers.get(handle);
      if (receiver === undefined || this.#rounds.has(receiver)) continue;
      if (nowMs - receiver.tookMs >= receiver.everyMs) receiver.look();
      else {
        this.#rounds.join(receiver);
        isBusy = true;
      }
    }
    // Here the thread waits for this callback and holds nothing.
    if (isBusy) this.#list();
  }

  /** With no handles left the thread waits on a semaphore, out of reach of rcl; ending it there cannot miss a wake-up. */
  #park(): void {
    this.#executor._guards = [];
    this.#executor._subscriptions = [];
    this.#executor.syncHandles();
  }

  /** The thread holds the handles while it waits: without the guard condition this would block for up to WAIT_MS. */
  #synchronize(): void {
    this.#binding.triggerGuardCondition(this.#guard);
    this.#list();
  }

  #list(): void {
    this.#executor._subscriptions = [...this.#receivers.values()].filter((receiver) => !this.#rounds.has(receiver));
    this.#executor.syncHandles();
  }
}
