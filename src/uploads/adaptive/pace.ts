// Decides how many bytes of a request may be in flight, so that an alert does not wait long behind a picture. Unacknowledged bytes sit in
// the queue in front of the path's slowest link, and later messages wait behind them. The window limits the bytes in flight to what does
// not build up that queue (the idea of LEDBAT, RFC 6817), which on a slow link is a single small packet. The window never shrinks below
// what the link has just carried in 150 ms, provided that is at least a packet: if answers are slow all the same, this queue is not the
// cause. The caller passes in the time and the byte counts, so that tests need no real link.

/** With its headers, a packet of this size takes a twelfth of a second at 32 kbit/s, and the headers are only a fifth of it. */
const SMALLEST_WINDOW = 256;
/** On a path with slow answers, the window must be large enough for this rate, but need not exceed {@link SMALL_PACKET}. */
const MIN_BYTES_PER_SECOND = 1_024;
/** The size that any network must carry without fragmentation (RFC 791). */
const SMALL_PACKET = 576;
const LARGE_PACKET = 1_460;
const LARGEST_WINDOW = 1024 ** 2;
const LARGEST_STEP = 64 * 1024;
/**
 * The longest acceptable queue: LEDBAT's target of 100 ms (RFC 6817) plus 50 ms for jitter. An alert that is this much later goes
 * unnoticed.
 */
const MAX_QUEUE_MS = 150;
/** An answer that takes longer than this must have waited in a queue, even if the quickest answer was slow too. */
const LATE_MS = 500;
/**
 * The rate is computed from at least this many samples and bytes, because the first ones may only drain a router's or modem's token bucket.
 */
const RATE_SAMPLES = 4;
const RATE_BYTES = 3_000;
/** The largest window with which an upload starts: TCP's initial window (RFC 6928), which the kernel sends at once anyway. */
const LARGEST_START = 10 * LARGE_PACKET;
/** The largest window with which an upload starts soon after another one, so that a whole picture may be sent at once. */
const LARGEST_NEXT_START = 64 * 1024;
const JUST_NOW_MS = 60_000;
/** If the rate is limited, a second's bytes are spread over at least this many steps. */
const STEPS_PER_SECOND = 10;
/** On a narrow link, the first packets are small, to measure the quickest answer. There are two, as one may be held up by other traffic. */
const SMALL_FIRST = 2;
/** After this many slow samples in a row, or fewer very slow ones, the window is considered too large. */
const TOO_LARGE_SAMPLES = 12;
const MUCH_TOO_LARGE_SAMPLES = 4;
/** Limits on the number of samples between two attempts to enlarge the window. Every failed attempt doubles that number. */
const MIN_PATIENCE = 4;
const MAX_PATIENCE = 1_024;
const MIN_CHECK_MS = 1;
const MAX_CHECK_MS = 50;
/** After this many samples, the quickest answer is forgotten and measured again, because the path may have changed. */
const FORGET_AFTER = 1_024;

/** Measurements of the network path that are passed on from one upload to the next. */
export interface PathState {
  window?: number;
  /** When they were taken, in monotonic milliseconds. */
  atMs?: number;
  /** How many samples must lie between two attempts to enlarge the window, and how many are missing until the next attempt. */
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
  /** When the rate limit allows the next bytes, in monotonic milliseconds. */
  #freeMs = 0;
  #sample: { readonly upTo: number; readonly bytes: number; readonly sentMs: number } | undefined;
  /** The latest samples, from which the rate is computed. */
  #carried: readonly Carried[] = [];
  #samples = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  /** How long the latest samples took since the window last changed, in milliseconds. */
  #tookMs: readonly number[] = [];
  #patience = 0;
  #missing = 0;

  /**
   * @param bytesPerSecond null means no limit.
   * @param path the previous upload's measurements, which this upload starts from and updates.
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

  /** How many bytes may be in flight. */
  get window(): number {
    return this.#window;
  }

  /**
   * Returns how many bytes may be sent now.
   * @param inFlight unacknowledged bytes; undefined if unknown.
   */
  allowedBytes(nowMs: number, inFlight: number | undefined): number {
    if (inFlight !== undefined) this.recordInFlight(nowMs, inFlight);
    if (nowMs < this.#freeMs) return 0;
    const window = this.#samples < SMALL_FIRST && this.#isNarrow ? SMALLEST_WINDOW : this.#window;
    const free = inFlight === undefined ? LARGEST_STEP : window - inFlight;
    // In an even smaller packet, headers would take up too large a share.
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

  /** How many bytes have been sent so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Returns how many bytes may be sent within TCP's initial window without checking what is in flight; 0 on a narrow link. */
  initialBytes(nowMs: number): number {
    return this.#sent < LARGEST_START && !this.#isNarrow ? this.allowedBytes(nowMs, this.#sent - this.#arrived) : 0;
  }

  /** Whether the link seems so slow that bytes in flight may delay an alert noticeably. */
  get #isNarrow(): boolean {
    return this.#window < LARGEST_START;
  }

  /** Must be called after the last byte. From then on, arrivals are checked less often. */
  finishSending(): void {
    this.#isAllSent = true;
  }

  get isAllSent(): boolean {
    return this.#isAllSent;
  }

  /** Milliseconds since the last progress. */
  stalledMs(nowMs: number): number {
    return nowMs - this.#arrivedMs;
  }

  /** Milliseconds until the next check. Grows while nothing is sent, because checks cost CPU time. */
  nextCheckMs(nowMs: number): number {
    const delayMs = Math.min((nowMs - this.#sentMs) / 4, this.#quickestMs / 16);
    return Math.max(this.#freeMs - nowMs, Math.min(MAX_CHECK_MS, Math.max(MIN_CHECK_MS, delayMs)));
  }

  /** Works out how many bytes have arrived and updates the window. @param inFlight unacknowledged bytes. */
  recordInFlight(nowMs: number, inFlight: number): void {
    const arrived = this.#sent - inFlight;
    if (arrived > this.#arrived || (arrived >= this.#sent && !this.#isAllSent)) this.#arrivedMs = nowMs;
    this.#arrived = Math.max(this.#arrived, arrived);
    if (!this.#sample) return;
    const { upTo, bytes, sentMs } = this.#sample;
    const tookMs = nowMs - sentMs;
    const hasArrived = arrived >= upTo;
    // After the last byte, checks are rare and may come long after the arrival, so measured times would be too long.
    if (this.#isAllSent ? hasArrived || tookMs <= LATE_MS : !hasArrived) return;
    this.#sample = undefined;
    if (hasArrived) this.#record(bytes, Math.max(1, tookMs));
    if (tookMs > LATE_MS) this.#shrink();
    // A sample much smaller than the window says nothing about whether the window is too large.
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

  /** Shrinks or grows the window. Shrinking takes several late answers in a row, because a single one may have another cause. */
  #judge(tookMs: number): void {
    this.#tookMs = [...this.#tookMs, tookMs].slice(-TOO_LARGE_SAMPLES);
    this.#missing--;
    const [samples, leastMs] = [this.#tookMs.length, Math.min(...this.#tookMs)];
    const isTooLarge = samples === TOO_LARGE_SAMPLES && leastMs > this.#quickestMs * 1.25 + 40;
    if (isTooLarge || (samples >= MUCH_TOO_LARGE_SAMPLES && leastMs > this.#quickestMs + MAX_QUEUE_MS)) this.#shrink();
    else if (this.#missing < 0 && tookMs <= this.#quickestMs * 1.25 + 20) this.#grow();
  }

  /** Returns how many bytes the link carries in {@link MAX_QUEUE_MS}; 0 if its rate is unknown or that is less than a packet. */
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
    // If the window was already the smallest, no attempt at a larger one has failed.
    if (smaller < this.#window) {
      this.#patience = Math.min(MAX_PATIENCE, Math.max(MIN_PATIENCE, this.#patience * 2));
      this.#missing = this.#patience;
    }
    this.#window = smaller;
  }
}

/** Whether there are enough samples to compute the link's rate. */
function isRate(carried: readonly Carried[]): boolean {
  return carried.length >= RATE_SAMPLES && sumOf(carried, 'bytes') >= RATE_BYTES;
}

/** Returns the shortest tail of the samples that is enough to compute the rate. */
function latest(carried: readonly Carried[]): readonly Carried[] {
  return isRate(carried.slice(1)) ? latest(carried.slice(1)) : carried;
}

function sumOf(carried: readonly Carried[], key: keyof Carried): number {
  return carried.reduce((sum, sample) => sum + sample[key], 0);
}
