// Moves the robot to another path while it is connected: away from a path that seems dead, and back to a preferred interface. The broker
// keeps one session per robot, so the new path is secured first, and only its CONNECT ends the old session.
import { every, messageOf, type Ticker } from '../base/index.ts';
import type { LinkStatus } from '../status/index.ts';
import { AlertWatch } from './alertWatch.ts';
import type { Search } from './dialer.ts';
import type { LinkChange } from './network/links.ts';
import type { Path } from './network/path.ts';
import type { Opened, Opener } from './opener.ts';
import type { UplinkOptions } from './options.ts';
import type { Link } from './session.ts';

/** How often to look for a preferred interface that works again. */
const RETURN_EVERY_MS = 20_000;
const CHECK_EVERY_MS = 5_000;

/** If a preferred interface is left this soon again, the next look comes later. */
const LASTING_MS = 60_000;
const LONGEST_RETURN_MS = 10 * 60_000;

/** Returns the time until the next look for a preferred interface. @param lastedMs how long the last return lasted. */
export function nextReturnMs(presentMs: number, lastedMs: number): number {
  return lastedMs < LASTING_MS ? Math.min(LONGEST_RETURN_MS, 2 * presentMs) : RETURN_EVERY_MS;
}

interface Attempt {
  readonly stop: AbortController;
  readonly isReturn: boolean;
  readonly opened: Promise<Opened | undefined>;
  /** Whether the CONNECT may have reached the broker, so that the present session is over. */
  isCommitted: boolean;
  /** Whether the present session has ended, so that {@link Handover.take} is waiting. */
  isAwaited: boolean;
}

interface HandoverParts extends Pick<UplinkOptions, 'clock' | 'log' | 'interfaces' | 'alertTimeoutMs'> {
  readonly opener: Pick<Opener, 'open'>;
  /** Whether the present session may be replaced now. */
  readonly mayMove: () => boolean;
}

export class Handover {
  /** The alerts that wait for an acknowledgement over the present path. */
  readonly alerts: AlertWatch;
  readonly #parts: HandoverParts;
  #present: { readonly session: Link; readonly path: Path; readonly signal: AbortSignal } | undefined;
  #attempt: Attempt | undefined;
  #returnEveryMs = RETURN_EVERY_MS;
  /** The last return that gave up a session, and the path of that session. */
  #returned: { readonly atMs: number; readonly from: Path } | undefined;
  #lookedMs = 0;
  /** How often the path was left since the broker last acknowledged an alert in time. */
  #leaves = 0;

  constructor(parts: HandoverParts) {
    this.#parts = parts;
    // The deadline grows with each path that was left: if none helps, the broker is the cause, and the deadline of all acknowledgements
    // reports it.
    this.alerts = new AlertWatch({
      timeoutMs: () => parts.alertTimeoutMs * 2 ** Math.min(this.#leaves, 10),
      onOverdue: (ms) => this.#leave(`an alert has no acknowledgement after ${ms / 1_000} s`),
      onAnswered: (ms) => this.#stay(ms),
    });
  }

  get path(): LinkStatus['path'] {
    if (!this.#present) return null;
    const { interface: through, address, port } = this.#present.path;
    return { interface: through?.name ?? null, address, port, metered: through?.isMetered ?? false };
  }

  /** Whether an attempt may replace the present session. One that only looks for a preferred interface does not if the session ends. */
  get isUnderWay(): boolean {
    return this.#attempt !== undefined && (this.#attempt.isCommitted || !this.#attempt.isReturn);
  }

  /** Whether the present session is over, or is about to be, because a new one replaces it. */
  get isReplacing(): boolean {
    return this.#attempt?.isCommitted ?? false;
  }

  /** Must be called with each connection. Looks for a preferred interface from time to time, until the ticker is stopped. */
  watch(session: Link, signal: AbortSignal): Ticker {
    const { clock } = this.#parts;
    const { path } = session;
    if (!path) return { stop: () => {} };
    this.#present = { session, path, signal };
    this.#lookedMs = clock.mono();
    this.#recordReturn(path);
    const look = every(CHECK_EVERY_MS, () => {
      if (clock.mono() - this.#lookedMs >= this.#returnEveryMs) this.#return();
    });
    return {
      stop: () => {
        look.stop();
        this.#present = undefined;
      },
    };
  }

  linksChanged({ added, gone }: LinkChange): void {
    const address = this.#present?.session.localAddress;
    const [link] = added;
    if (gone.some((lost) => lost.endsWith(` ${address}`))) this.#leave(`this machine has lost the address ${address}`);
    else if (link !== undefined && this.alerts.isWaiting) this.#leave(`an alert waits for its acknowledgement, and ${link} came up`);
    // While returns fail, a link that comes and goes must not bring the next one forward.
    else if (link !== undefined && this.#returnEveryMs === RETURN_EVERY_MS) this.#return();
  }

  /** Ends an attempt. */
  cancel(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.stop.abort();
    // It may have just succeeded.
    void attempt?.opened.then((opened) => opened?.session.drop());
  }

  /** Resolves with the connection that replaces the last one, once it is open; with undefined if no other connection replaces it. */
  async take(): Promise<Opened | undefined> {
    // A preferred interface that does not answer must not delay an alert while another one works.
    if (!this.isUnderWay) this.cancel();
    const attempt = this.#attempt;
    if (!attempt) return undefined;
    attempt.isAwaited = true;
    const opened = await attempt.opened;
    if (this.#attempt !== attempt) return undefined;
    this.#attempt = undefined;
    if (opened && !attempt.isReturn) this.#leaves++;
    return opened;
  }

  /** Returns to a preferred interface if it works. */
  #return(): void {
    if (!this.#present || this.#attempt || !this.#parts.mayMove()) return;
    const { session, path, signal } = this.#present;
    if (this.#rank(path) <= 0) return;
    this.#lookedMs = this.#parts.clock.mono();
    this.#begin(session, { kind: 'better', from: path }, signal, () => session.close());
  }

  /** Records that the last return is undone by a connection over this path, whether it had failed or its connection ended. */
  #recordReturn(path: Path): void {
    if (!this.#returned || this.#rank(path) < this.#rank(this.#returned.from)) return;
    this.#returnEveryMs = nextReturnMs(this.#returnEveryMs, this.#parts.clock.mono() - this.#returned.atMs);
    this.#returned = undefined;
  }

  /** The position of the path's interface; 0 for the preferred one, and -1 if the kernel chooses. */
  #rank(path: Path): number {
    return this.#parts.interfaces.findIndex(({ name }) => name === path.interface?.name);
  }

  /** Opens another connection beside one whose path seems dead. The present one stays until the other has a path. */
  #leave(why: string): void {
    if (!this.#present || !this.#parts.mayMove()) return;
    const { session, path, signal } = this.#present;
    if (this.#attempt?.isReturn && !this.#attempt.isCommitted) this.cancel();
    if (this.#attempt) return;
    this.#parts.log.warn({ event: 'path_suspected', reason: why }, why);
    this.#begin(session, { kind: 'away', from: path }, signal, () => Promise.resolve());
  }

  /** Ends an attempt to leave: the broker has acknowledged an alert after this time, so the present path works. */
  #stay(ms: number): void {
    // A broker that is always this slow would lose each acknowledgement to the next attempt to leave.
    if (ms < this.#parts.alertTimeoutMs) this.#leaves = 0;
    if (this.#attempt && !this.#attempt.isReturn && !this.#attempt.isCommitted) this.cancel();
  }

  #begin(session: Link, search: Search, signal: AbortSignal, release: () => Promise<void>): void {
    const stop = new AbortController();
    const ready = async () => {
      stop.signal.throwIfAborted();
      attempt.isCommitted = true;
      if (search.kind === 'better') this.#returned = { atMs: this.#parts.clock.mono(), from: search.from };
      await release();
    };
    const open = async (): Promise<Opened | undefined> => {
      const { log, opener } = this.#parts;
      try {
        const opened = await opener.open(search, AbortSignal.any([signal, stop.signal]), ready);
        session.drop();
        return opened;
      } catch (error) {
        if (!stop.signal.aborted) log.debug({ event: 'path_failed', reason: messageOf(error) }, 'no other path works');
        // The present session goes on if it still lives.
        if (this.#attempt === attempt && !attempt.isAwaited) this.#attempt = undefined;
        return undefined;
      }
    };
    const attempt: Attempt = {
      stop,
      isReturn: search.kind === 'better',
      isCommitted: false,
      isAwaited: false,
      opened: Promise.resolve().then(open),
    };
    this.#attempt = attempt;
  }
}
