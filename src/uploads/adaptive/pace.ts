// Decides how many bytes of a request may be in flight, so that an alert does not wait long behind a picture. Unacknowledged bytes fill the
// queue of the slowest link on the path, and later messages wait behind them. The window therefore limits the bytes in flight to a number that
// does not slow the link down (the idea of LEDBAT, RFC 6817); on a slow link this is one small packet. The window is never smaller than the
// bytes that the link just carried in 150 ms, if these fill a packet, because slower answers then have another cause than this queue. Pure:
// the caller passes the time and the counts.

/** With its headers, a packet takes a twelfth of a second at 32 kbit/s, and file bytes are four fifths of it. */
const SMALLEST_WINDOW = 256;
/** On a path with slow answers, the packets must be large enough for this rate ... */
const MIN_BYTES_PER_SECOND = 1_024;
/** ... but not larger than the size that any network carries in one piece (RFC 791). */
const SMALL_PACKET = 576;
const LARGE_PACKET = 1_460;
const LARGEST_WINDOW = 1024 ** 2;
const LARGEST_STEP = 64 * 1024;
/** The longest queue in milliseconds: LEDBAT's target (RFC 6817) and half as much for jitter. A person does not notice this delay of an alert. */
const MAX_QUEUE_MS = 150;
/** An answer this late waited in a queue, whatever the quickest answer was. */
const LATE_MS = 500;
/** The link's rate needs this many samples and bytes, because the first ones may only fill the token bucket of a router or modem. */
const RATE_SAMPLES = 4;
const RATE_BYTES = 3_000;
/** The kernel's initial window of a new connection (RFC 6928). An upload starts with at most this ... */
const LARGEST_START = 10 * LARGE_PACKET;
/** ... or with this, soon after another upload, so that a picture may leave at once. */
const LARGEST_NEXT_START = 64 * 1024;
const JUST_NOW_MS = 60_000;
/** With a limit, the bytes of a second are divided into at least this many steps. */
const STEPS_PER_SECOND = 10;
/** A narrow link first carries this many small packets, as a reference for later times. Two, because one may wait behind other traffic. */
const SMALL_FIRST = 2;
/** Slow samples in a row that show that the window is too large, or much too large. */
const TOO_LARGE_SAMPLES = 12;
const MUCH_TOO_LARGE_SAMPLES = 4;
/** Samples between two tries of a larger window. Each failed try doubles them. */
const MIN_PATIENCE = 4;
const MAX_PATIENCE = 1_024;
const MIN_CHECK_MS = 1;
const MAX_CHECK_MS = 50;
/** After this many samples the quickest answer is measured again, because the path may have changed. */
const FORGET_AFTER = 1_024;

/** Measurements of the network path that an upload leaves to the next. */
export interface PathState {
  window?: number;
  /** The time of the measurement, in monotonic milliseconds. */
  atMs?: number;
  /** Samples between two tries of a larger window, and the missing ones until the next try. */
  patience?: number;
  missing?: number;
}

interface Carried {
  readonly bytes: number;
  readonly ms: number;
}

export class Pace {
  readonly #bytesPerSecond: number | null;
  readonly #path: PathState;
  #window: number;
  #sent = 0;
  #arrived = 0;
  #arrivedMs: number;
  #sentMs: number;
  #isAllSent = false;
  /** The limit allows no bytes before this time. */
  #freeMs = 0;
  #sample: { readonly upTo: number; readonly bytes: number; readonly sentMs: number } | undefined;
  /** The latest samples. */
  #carried: readonly Carried[] = [];
  #samples = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  /** Times of the latest samples of this window, in milliseconds. */
  #tookMs: readonly number[] = [];
  #patience = 0;
  #missing = 0;

  /**
   * @param bytesPerSecond null: no limit.
   * @param path the state that this upload reads at its start, and updates.
   */
  constructor(bytesPerSecond: number | null, nowMs: number, path: PathState = {}) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#path = path;
    const isFresh = path.atMs !== undefined && nowMs - path.atMs < JUST_NOW_MS;
    this.#window = Math.min(isFresh ? LARGEST_NEXT_START : LARGEST_START, path.window ?? SMALLEST_WINDOW);
    if (isFresh) [this.#patience, this.#missing] = [path.patience ?? 0, path.missing ?? 0];
    this.#arrivedMs = nowMs;
    this.#sentMs = nowMs;
  }

  /** Bytes that may be in flight at once. */
  get window(): number {
    return this.#window;
  }

  /**
   * @param inFlight unacknowledged bytes; undefined if the number is unknown.
   * @returns bytes that may be sent now.
   */
  allowedBytes(nowMs: number, inFlight: number | undefined): number {
    if (inFlight !== undefined) this.recordInFlight(nowMs, inFlight);
    if (nowMs < this.#freeMs) return 0;
    const window = this.#samples < SMALL_FIRST && this.#isNarrow ? SMALLEST_WINDOW : this.#window;
    const free = inFlight === undefined ? LARGEST_STEP : window - inFlight;
    // A smaller packet would have too many header bytes.
    if (free < SMALLEST_WINDOW) return 0;
    const limit = this.#bytesPerSecond === null ? LARGEST_STEP : Math.ceil(this.#bytesPerSecond / STEPS_PER_SECOND);
    return Math.min(free, limit, LARGEST_STEP);
  }

  recordSent(bytes: number, nowMs: number): void {
    this.#sent += bytes;
    this.#sentMs = nowMs;
    if (this.#bytesPerSecond !== null) this.#freeMs = Math.max(this.#freeMs, nowMs) + (bytes / this.#bytesPerSecond) * 1_000;
    this.#sample ??= { upTo: this.#sent, bytes: this.#sent - this.#arrived, sentMs: nowMs };
  }

  /** Bytes sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** @returns bytes of TCP's initial window that may be sent now without a check; 0 on a narrow link. */
  initialBytes(nowMs: number): number {
    return this.#sent < LARGEST_START && !this.#isNarrow ? this.allowedBytes(nowMs, this.#sent - this.#arrived) : 0;
  }

  /** Whether the bytes in flight may delay an alert noticeably. */
  get #isNarrow(): boolean {
    return this.#window < LARGEST_START;
  }

  /** The caller must call this after the last byte. From then on, it checks less often. */
  finishSending(): void {
    this.#isAllSent = true;
  }

  get isAllSent(): boolean {
    return this.#isAllSent;
  }

  /** Milliseconds without progress. */
  stalledMs(nowMs: number): number {
    return nowMs - this.#arrivedMs;
  }

  /** Milliseconds until the next check. It grows while nothing arrives, because checks take time. */
  nextCheckMs(nowMs: number): number {
    const delayMs = Math.min((nowMs - this.#sentMs) / 4, this.#quickestMs / 16);
    return Math.max(this.#freeMs - nowMs, Math.min(MAX_CHECK_MS, Math.max(MIN_CHECK_MS, delayMs)));
  }

  /** Derives the arrived bytes, and updates the window. @param inFlight unacknowledged bytes. */
  recordInFlight(nowMs: number, inFlight: number): void {
    const arrived = this.#sent - inFlight;
    if (arrived > this.#arrived || (arrived >= this.#sent && !this.#isAllSent)) this.#arrivedMs = nowMs;
    this.#arrived = Math.max(this.#arrived, arrived);
    if (!this.#sample) return;
    const { upTo, bytes, sentMs } = this.#sample;
    const tookMs = nowMs - sentMs;
    const hasArrived = arrived >= upTo;
    // The rare checks after the last byte may be much later than the arrival.
    if (this.#isAllSent ? hasArrived || tookMs <= LATE_MS : !hasArrived) return;
    this.#sample = undefined;
    if (hasArrived) this.#record(bytes, Math.max(1, tookMs));
    if (tookMs > LATE_MS) this.#shrink();
    // A sample much smaller than the window cannot show that the window is too large.
    else if (bytes * 2 > this.#window) this.#judge(tookMs);
    if (this.#samples === FORGET_AFTER) [this.#samples, this.#quickestMs] = [0, Number.POSITIVE_INFINITY];
    this.#window = Math.min(LARGEST_WINDOW, Math.max(this.#window, this.#fastBytes()));
    Object.assign(this.#path, { window: this.#window, atMs: nowMs, patience: this.#patience, missing: this.#missing });
  }

  #record(bytes: number, tookMs: number): void {
    this.#carried = latest([...this.#carried, { bytes, ms: tookMs }]);
    this.#samples++;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
  }

  /** Shrinks or grows the window. One late answer may have another cause, so several in a row are needed. */
  #judge(tookMs: number): void {
    this.#tookMs = [...this.#tookMs, tookMs].slice(-TOO_LARGE_SAMPLES);
    this.#missing--;
    const [samples, leastMs] = [this.#tookMs.length, Math.min(...this.#tookMs)];
    const isTooLarge = samples === TOO_LARGE_SAMPLES && leastMs > this.#quickestMs * 1.25 + 40;
    if (isTooLarge || (samples >= MUCH_TOO_LARGE_SAMPLES && leastMs > this.#quickestMs + MAX_QUEUE_MS)) this.#shrink();
    else if (this.#missing < 0 && tookMs <= this.#quickestMs * 1.25 + 20) this.#grow();
  }

  /** @returns bytes that the link carries in MAX_QUEUE_MS; 0 if the rate is unknown or the bytes are less than a packet. */
  #fastBytes(): number {
    if (!isRate(this.#carried)) return 0;
    const bytes = Math.floor((sumOf(this.#carried, 'bytes') / sumOf(this.#carried, 'ms')) * MAX_QUEUE_MS);
    return bytes < LARGE_PACKET ? 0 : bytes;
  }

  #grow(): void {
    this.#tookMs = [];
    this.#missing = this.#patience;
    this.#window = Math.min(LARGEST_WINDOW, this.#window * 2);
  }

  #shrink(): void {
    this.#tookMs = [];
    const least = Math.ceil((this.#quickestMs / 1_000) * MIN_BYTES_PER_SECOND);
    const smaller = Math.max(SMALLEST_WINDOW, Math.min(SMALL_PACKET, least), Math.floor(this.#window / 2));
    // The window was already the smallest, so no larger one failed.
    if (smaller < this.#window) {
      this.#patience = Math.min(MAX_PATIENCE, Math.max(MIN_PATIENCE, this.#patience * 2));
      this.#missing = this.#patience;
    }
    this.#window = smaller;
  }
}

/** Whether these samples are enough to compute the link's rate. */
function isRate(carried: readonly Carried[]): boolean {
  return carried.length >= RATE_SAMPLES && sumOf(carried, 'bytes') >= RATE_BYTES;
}

/** @returns the last samples, as few as are enough to compute the rate. */
function latest(carried: readonly Carried[]): readonly Carried[] {
  return isRate(carried.slice(1)) ? latest(carried.slice(1)) : carried;
}

function sumOf(carried: readonly Carried[], key: keyof Carried): number {
  return carried.reduce((sum, sample) => sum + sample[key], 0);
}
