// Pings systemd's watchdog while the agent is healthy: the event loop runs, ROS callbacks are served, and the database accepts writes.
// systemd restarts an agent that misses two pings in a row. A dead network or a full disk does not stop the pings, because a new process
// would not repair them and would lose the rows that are only in memory.
import { every, type Ticker } from '../base/index.ts';
import type { ServiceManager } from './notify.ts';

/** Pings in one watchdog period. With three, a lost or late ping does no harm. */
const PINGS_PER_PERIOD = 3;

/** Limit for a start or the repair of a damaged outbox, during which there is no agent to probe. */
const START_PATIENCE_MS = 300_000;

export interface HealthProbe {
  /** Resolves to the fault of an unhealthy agent, or to undefined. No ping is sent before it resolves. */
  ask(): Promise<string | undefined>;
  /** @returns a line for `systemctl status`. */
  describe(): string;
}

interface WatchdogOptions {
  readonly manager: ServiceManager;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Is called with the reason when a stall starts, and with undefined when it ends. */
  readonly onStall: (reason: string | undefined) => void;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #probe: HealthProbe | undefined;
  #isAsking = false;
  #isStalled = false;
  #unprobedSinceMs: number;
  #ticker: Ticker | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#unprobedSinceMs = options.now();
  }

  /** Starts to ping if the watchdog of the service manager is on. */
  start(): void {
    const { watchdogMs } = this.#options.manager;
    if (watchdogMs !== undefined) this.#ticker = every(watchdogMs / PINGS_PER_PERIOD, () => this.ping());
  }

  /** @param probe probes the new agent. Undefined while an agent starts. */
  watch(probe: HealthProbe | undefined): void {
    this.#probe = probe;
    this.#isAsking = false;
    this.#unprobedSinceMs = this.#options.now();
  }

  /** Probes once, and pings if the agent is healthy. If the previous probe is still unanswered, the agent has stalled. */
  ping(): void {
    const probe = this.#probe;
    if (probe === undefined) {
      if (this.#options.now() - this.#unprobedSinceMs < START_PATIENCE_MS) this.#options.manager.notify('WATCHDOG=1');
      else this.#stall(`the agent has not started within ${START_PATIENCE_MS / 1_000} s`);
      return;
    }
    if (this.#isAsking) {
      this.#stall('ROS callbacks are not served');
      return;
    }
    this.#isAsking = true;
    probe.ask().then(
      (reason) => this.#answered(probe, reason),
      (error: unknown) => this.#answered(probe, String(error)),
    );
  }

  stop(): void {
    this.#ticker?.stop();
  }

  #answered(probe: HealthProbe, reason: string | undefined): void {
    if (probe !== this.#probe) return;
    this.#isAsking = false;
    if (reason !== undefined) {
      this.#stall(reason);
      return;
    }
    if (this.#isStalled) this.#options.onStall(undefined);
    this.#isStalled = false;
    this.#options.manager.notify('WATCHDOG=1', `STATUS=${probe.describe()}`);
  }

  #stall(reason: string): void {
    if (!this.#isStalled) this.#options.onStall(reason);
    this.#isStalled = true;
  }
}
