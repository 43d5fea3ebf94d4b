// Whether the agent is alive, and the ping that says so. A ping goes out only when the loop turned, ROS callbacks were served and the
// database takes writes; who misses two in a row is restarted by systemd. A dead network or a full disk is no reason: a new
// process would not mend them, and would forget what is only in memory.
import { every, type Ticker } from '../base/index.ts';
import type { ServiceManager } from './notify.ts';

/** Pings in one watchdog period: one that is lost or late does no harm. */
const BEATS_A_PERIOD = 3;

/** How long a start, or the mending of a damaged outbox, may take without the agent being asked. */
const START_PATIENCE_MS = 300_000;

export interface Pulse {
  /** Resolves to undefined where all is well, else to what hangs. While it does not resolve nothing is said either. */
  ask(): Promise<string | undefined>;
  /** One line for `systemctl status`. */
  describe(): string;
}

export interface HeartOptions {
  readonly manager: ServiceManager;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Told once for each stall, with what hangs, and once with undefined when it is over. */
  readonly onStall: (why: string | undefined) => void;
}

export class Heart {
  readonly #options: HeartOptions;
  #pulse: Pulse | undefined;
  #asking = false;
  #stalled = false;
  #emptySinceMs: number;
  #ticker: Ticker | undefined;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#emptySinceMs = options.now();
  }

  /** Begins to ping, where somebody listens. */
  start(): void {
    const { watchdogMs } = this.#options.manager;
    if (watchdogMs !== undefined) this.#ticker = every(watchdogMs / BEATS_A_PERIOD, () => this.beat());
  }

  /** Whose pulse is taken from now on; undefined while an agent starts. */
  of(pulse: Pulse | undefined): void {
    this.#pulse = pulse;
    this.#asking = false;
    this.#emptySinceMs = this.#options.now();
  }

  /** One look. A question still open since the last one is the stall itself. */
  beat(): void {
    const pulse = this.#pulse;
    if (pulse === undefined) {
      if (this.#options.now() - this.#emptySinceMs < START_PATIENCE_MS) this.#options.manager.tell('WATCHDOG=1');
      else this.#stall('the agent has not come up');
      return;
    }
    if (this.#asking) {
      this.#stall('ROS callbacks are not served');
      return;
    }
    this.#asking = true;
    pulse.ask().then(
      (why) => this.#answered(pulse, why),
      (error: unknown) => this.#answered(pulse, String(error)),
    );
  }

  stop(): void {
    this.#ticker?.stop();
  }

  #answered(pulse: Pulse, why: string | undefined): void {
    if (pulse !== this.#pulse) return;
    this.#asking = false;
    if (why !== undefined) {
      this.#stall(why);
      return;
    }
    if (this.#stalled) this.#options.onStall(undefined);
    this.#stalled = false;
    this.#options.manager.tell('WATCHDOG=1', `STATUS=${pulse.describe()}`);
  }

  #stall(why: string): void {
    if (!this.#stalled) this.#options.onStall(why);
    this.#stalled = true;
  }
}
