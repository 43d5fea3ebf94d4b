// Pings systemd's watchdog while the agent is alive: a ping goes out only if the event loop turned, ROS callbacks were served and the
// database takes writes. systemd restarts an agent that misses two pings in a row. A dead network or a full disk does not stop the pings:
// a new process would not repair them, and would forget the rows that are only in memory.
import { every, type Ticker } from '../base/index.ts';
import type { ServiceManager } from './notify.ts';

/** Pings in one watchdog period: a lost or late ping does no harm. */
const PINGS_PER_PERIOD = 3;

/** How long a start, or the repair of a damaged outbox, may take while there is no agent to probe. */
const START_PATIENCE_MS = 300_000;

export interface HealthProbe {
  /** Resolves to undefined if the agent is healthy, else to the reason why it is not. As long as it does not resolve, no ping goes out. */
  ask(): Promise<string | undefined>;
  /** One line for `systemctl status`. */
  describe(): string;
}

export interface WatchdogOptions {
  readonly manager: ServiceManager;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Called once for each stall with its reason, and once with undefined when the stall ends. */
  readonly onStall: (reason: string | undefined) => void;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #probe: HealthProbe | undefined;
  #asking = false;
  #stalled = false;
  #unprobedSinceMs: number;
  #ticker: Ticker | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#unprobedSinceMs = options.now();
  }

  /** Starts to ping, if the service manager watches. */
  start(): void {
    const { watchdogMs } = this.#options.manager;
    if (watchdogMs !== undefined) this.#ticker = every(watchdogMs / PINGS_PER_PERIOD, () => this.ping());
  }

  /** @param probe of the agent that runs from now on; undefined while an agent starts. */
  watch(probe: HealthProbe | undefined): void {
    this.#probe = probe;
    this.#asking = false;
    this.#unprobedSinceMs = this.#options.now();
  }

  /** Probes once and pings if the agent is healthy. A probe that is still open since the last call is a stall. */
  ping(): void {
    const probe = this.#probe;
    if (probe === undefined) {
      if (this.#options.now() - this.#unprobedSinceMs < START_PATIENCE_MS) this.#options.manager.notify('WATCHDOG=1');
      else this.#stall(`the agent has not started within ${START_PATIENCE_MS / 1_000} s`);
      return;
    }
    if (this.#asking) {
      this.#stall('ROS callbacks are not served');
      return;
    }
    this.#asking = true;
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
    this.#asking = false;
    if (reason !== undefined) {
      this.#stall(reason);
      return;
    }
    if (this.#stalled) this.#options.onStall(undefined);
    this.#stalled = false;
    this.#options.manager.notify('WATCHDOG=1', `STATUS=${probe.describe()}`);
  }

  #stall(reason: string): void {
    if (!this.#stalled) this.#options.onStall(reason);
    this.#stalled = true;
  }
}
