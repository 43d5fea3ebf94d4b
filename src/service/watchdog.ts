// Pings systemd's watchdog while the agent is healthy: the event loop runs, ROS callbacks are served, and the database accepts writes. If
// no ping arrives for a whole watchdog period, systemd restarts the agent. A dead network or a full disk must not stop the pings, because
// a restart would not fix them, and would lose the rows that are only in memory.
import { every, type Ticker } from '../base/index.ts';
import type { ServiceManager } from './notify.ts';

/** Three pings per watchdog period, so that a single lost or late ping does no harm. */
const PINGS_PER_PERIOD = 3;

/** How long to keep pinging while the agent starts or repairs its outbox. There is nothing to probe in that time. */
const START_PATIENCE_MS = 300_000;

export interface HealthProbe {
  /** Resolves to the reason why the agent is unhealthy, or to undefined if it is healthy. No ping is sent until it resolves. */
  ask(): Promise<string | undefined>;
  /** Returns a line for `systemctl status`. */
  describe(): string;
}

interface WatchdogOptions {
  readonly manager: ServiceManager;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Called with the reason when a stall begins, and with undefined when it ends. */
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

  /** Starts sending pings if the service manager's watchdog is on. */
  start(): void {
    const { watchdogMs } = this.#options.manager;
    if (watchdogMs !== undefined) this.#ticker = every(watchdogMs / PINGS_PER_PERIOD, () => this.ping());
  }

  /** @param probe the running agent's probe; undefined while no agent is running, because it is starting or stopping. */
  watch(probe: HealthProbe | undefined): void {
    this.#probe = probe;
    this.#isAsking = false;
    this.#unprobedSinceMs = this.#options.now();
  }

  /** Probes the agent, and sends a ping if it is healthy. If the previous probe is still unanswered, the agent has stalled. */
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
