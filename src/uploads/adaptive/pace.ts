// How fast a request leaves, head and body, so that an alert does not wait long behind a picture. Unacknowledged bytes fill the queue of the
// slowest link on the path, and later messages wait behind them. So only as many bytes are in flight as do not slow the link down (the idea
// of LEDBAT, RFC 6817); on a slow link that is one small packet. The window is never smaller than the bytes that the link just carried in
// 150 ms, if these are a whole packet: a longer time then has another cause than this queue. Pure: times and counts are passed in.

/** With its headers a twelfth of a second at 32 kbit/s; the file is four fifths of the bytes on the link then. */
const SMALLEST_WINDOW = 256;
/** If answers take long whatever is sent, a packet is so large that this many bytes a second get through ... */
const LEAST_BYTES_PER_SECOND = 1_024;
/** ... up to the size that any network carries in one piece (RFC 791). */
const SMALL_PACKET = 576;
const LARGE_PACKET = 1_460;
const LARGEST_WINDOW = 1024 ** 2;
const LARGEST_STEP = 64 * 1024;
/** Milliseconds that a queue may last; too short a delay of an alert to notice. LEDBAT's target (RFC 6817), and half as much for jitter. */
const UNFELT_MS = 150;
/** An answer this late stood in a queue, whatever the quickest answer was. */
const LATE_MS = 500;
/** The last samples that together have this many entries and bytes give the link's rate. The first may only fill a router's or modem's token bucket. */
const RATE_SAMPLES = 4;
const RATE_BYTES = 3_000;
/** The kernel's initial window of a new connection (RFC 6928). No upload begins with more, whatever an earlier upload found ... */
const LARGEST_START = 10 * LARGE_PACKET;
/** ... unless that upload was just now: then a picture may be sent at once. */
const LARGEST_NEXT_START = 64 * 1024;
const JUST_NOW_MS = 60_000;
/** With a limit, one step is at most this part of a second's bytes. */
const STEPS_A_SECOND = 10;
/** On a narrow link this many small packets are sent first. Their time is the reference for all others; one may wait behind other traffic. */
const SMALL_FIRST = 2;
/** Samples that are needed to find a window too large, and much too large. */
const FELT_SAMPLES = 12;
const MUCH_FELT_SAMPLES = 4;
/** Samples after a too large window until a larger one is tried again; doubled each time, up to a limit. */
const LEAST_PATIENCE = 4;
const MOST_PATIENCE = 1_024;
const LOOK_AT_LEAST_MS = 1;
const LOOK_AT_MOST_MS = 50;
/** Samples after which the quickest answer is measured again, as the path may have changed. */
const FORGET_AFTER = 1_024;

/** Knowledge about the network path that one upload leaves to the next. */
export interface PathState {
  window?: number;
  /** When the window was found, in monotonic milliseconds. */
  atMs?: number;
  /** Samples before a larger window is tried, and how many of them are still missing. */
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
  #given = 0;
  #arrived = 0;
  #arrivedMs: number;
  #gaveMs: number;
  #isAll = false;
  /** The limit allows more bytes from this time on. */
  #freeMs = 0;
  #sample: { readonly upTo: number; readonly bytes: number; readonly givenMs: number } | undefined;
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
   * @param path read at the start, and updated by this upload.
   */
  constructor(bytesPerSecond: number | null, nowMs: number, path: PathState = {}) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#path = path;
    const isFresh = path.atMs !== undefined && nowMs - path.atMs < JUST_NOW_MS;
    this.#window = Math.min(isFresh ? LARGEST_NEXT_START : LARGEST_START, path.window ?? SMALLEST_WINDOW);
    if (isFresh) [this.#patience, this.#missing] = [path.patience ?? 0, path.missing ?? 0];
    this.#arrivedMs = nowMs;
    this.#gaveMs = nowMs;
  }

  /** Bytes that may be in flight at once. */
  get window(): number {
    return this.#window;
  }

  /**
   * @param inFlight bytes that the other side has not acknowledged; undefined if the system does not say.
   * @returns bytes that may be given now.
   */
  allows(nowMs: number, inFlight: number | undefined): number {
    if (inFlight !== undefined) this.see(nowMs, inFlight);
    if (nowMs < this.#freeMs) return 0;
    const window = this.#samples < SMALL_FIRST && this.isNarrow ? SMALLEST_WINDOW : this.#window;
    const free = inFlight === undefined ? LARGEST_STEP : window - inFlight;
    // Fewer bytes do not justify a packet.
    if (free < SMALLEST_WINDOW) return 0;
    const limit = this.#bytesPerSecond === null ? LARGEST_STEP : Math.ceil(this.#bytesPerSecond / STEPS_A_SECOND);
    return Math.min(free, limit, LARGEST_STEP);
  }

  gave(bytes: number, nowMs: number): void {
    this.#given += bytes;
    this.#gaveMs = nowMs;
    if (this.#bytesPerSecond !== null) this.#freeMs = Math.max(this.#freeMs, nowMs) + (bytes / this.#bytesPerSecond) * 1_000;
    this.#sample ??= { upTo: this.#given, bytes: this.#given - this.#arrived, givenMs: nowMs };
  }

  /** Bytes given so far. */
  get given(): number {
    return this.#given;
  }

  /** Bytes that were in flight when that was last seen. */
  get inFlight(): number {
    return this.#given - this.#arrived;
  }

  /** Whether no more than TCP's initial window was given. */
  get isBeginning(): boolean {
    return this.#given < LARGEST_START;
  }

  /** Whether the bytes in flight may delay an alert noticeably. */
  get isNarrow(): boolean {
    return this.#window < LARGEST_START;
  }

  /** All bytes are given. The answer has to come; arrivals are now looked at only now and then. */
  gaveAll(): void {
    this.#isAll = true;
  }

  get isAll(): boolean {
    return this.#isAll;
  }

  /** Milliseconds since bytes last arrived, while some should. */
  stalledMs(nowMs: number): number {
    return nowMs - this.#arrivedMs;
  }

  /** Milliseconds until the next look: the longer nothing arrived, the later, because on a fast link every look costs. */
  lookAgainMs(nowMs: number): number {
    const quarter = Math.min((nowMs - this.#gaveMs) / 4, this.#quickestMs / 16);
    return Math.max(this.#freeMs - nowMs, Math.min(LOOK_AT_MOST_MS, Math.max(LOOK_AT_LEAST_MS, quarter)));
  }

  /** Records the arrivals. @param inFlight bytes that the other side has not acknowledged. */
  see(nowMs: number, inFlight: number): void {
    const arrived = this.#given - inFlight;
    if (arrived > this.#arrived || (arrived >= this.#given && !this.#isAll)) this.#arrivedMs = nowMs;
    this.#arrived = Math.max(this.#arrived, arrived);
    if (!this.#sample) return;
    const { upTo, bytes, givenMs } = this.#sample;
    const tookMs = nowMs - givenMs;
    const hasArrived = arrived >= upTo;
    // Once all is given, looks are rare: the bytes may have arrived long before this look.
    if (this.#isAll ? hasArrived || tookMs <= LATE_MS : !hasArrived) return;
    this.#sample = undefined;
    if (hasArrived) this.#record(bytes, Math.max(1, tookMs));
    if (tookMs > LATE_MS) this.#shrink();
    // A sample much smaller than the window does not show whether the window is too large.
    else if (bytes * 2 > this.#window) this.#judge(tookMs);
    if (this.#samples === FORGET_AFTER) [this.#samples, this.#quickestMs] = [0, Number.POSITIVE_INFINITY];
    this.#window = Math.min(LARGEST_WINDOW, Math.max(this.#window, this.#unfelt()));
    Object.assign(this.#path, { window: this.#window, atMs: nowMs, patience: this.#patience, missing: this.#missing });
  }

  #record(bytes: number, tookMs: number): void {
    this.#carried = latest([...this.#carried, { bytes, ms: tookMs }]);
    this.#samples++;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
  }

  /** Decides whether this window is too large or may grow. A single late answer may have another cause; several in a row do not. */
  #judge(tookMs: number): void {
    this.#tookMs = [...this.#tookMs, tookMs].slice(-FELT_SAMPLES);
    this.#missing--;
    const [samples, leastMs] = [this.#tookMs.length, Math.min(...this.#tookMs)];
    const isFelt = samples === FELT_SAMPLES && leastMs > this.#quickestMs * 1.25 + 40;
    if (isFelt || (samples >= MUCH_FELT_SAMPLES && leastMs > this.#quickestMs + UNFELT_MS)) this.#shrink();
    else if (this.#missing < 0 && tookMs <= this.#quickestMs * 1.25 + 20) this.#grow();
  }

  /** Bytes that the link carries in UNFELT_MS; 0 while the rate is unknown, or if they are less than a packet. */
  #unfelt(): number {
    if (!isRate(this.#carried)) return 0;
    const unfelt = Math.floor((sumOf(this.#carried, 'bytes') / sumOf(this.#carried, 'ms')) * UNFELT_MS);
    return unfelt < LARGE_PACKET ? 0 : unfelt;
  }

  #grow(): void {
    this.#tookMs = [];
    this.#missing = this.#patience;
    this.#window = Math.min(LARGEST_WINDOW, this.#window * 2);
  }

  #shrink(): void {
    this.#tookMs = [];
    const least = Math.ceil((this.#quickestMs / 1_000) * LEAST_BYTES_PER_SECOND);
    const smaller = Math.max(SMALLEST_WINDOW, Math.min(SMALL_PACKET, least), Math.floor(this.#window / 2));
    // At the smallest window, no larger one was tried.
    if (smaller < this.#window) {
      this.#patience = Math.min(MOST_PATIENCE, Math.max(LEAST_PATIENCE, this.#patience * 2));
      this.#missing = this.#patience;
    }
    this.#window = smaller;
  }
}

/** Whether these samples suffice to compute the link's rate. */
function isRate(carried: readonly Carried[]): boolean {
  return carried.length >= RATE_SAMPLES && sumOf(carried, 'bytes') >= RATE_BYTES;
}

/** The fewest of the last samples that suffice. */
function latest(carried: readonly Carried[]): readonly Carried[] {
  return isRate(carried.slice(1)) ? latest(carried.slice(1)) : carried;
}

function sumOf(carried: readonly Carried[], key: keyof Carried): number {
  return carried.reduce((sum, sample) => sum + sample[key], 0);
}
