// How fast a file leaves, so that an alert never waits long behind a picture. What is given to a connection and not yet acknowledged
// fills the queue of the slowest link on the way, and whatever comes later stands behind it: so only as much is on its way as does not
// make it slower (the idea of LEDBAT, RFC 6817), and on a slow link that is one packet. Never less than what the link has just carried
// in a tenth of a second: what takes long then is not this queue. Pure: times and counts are passed in.

/** A small packet: at 32 kbit/s what comes behind it waits a seventh of a second. */
const SMALLEST_WINDOW = 576;
const LARGEST_WINDOW = 1024 ** 2;
const LARGEST_STEP = 64 * 1024;
/** A queue of so long delays no alert that anybody would notice; LEDBAT's target (RFC 6817), and half as much for a way's own jitter. */
const UNFELT_MS = 150;
/** Whatever the quickest answer was: one so late stood in a queue. */
const LATE_MS = 500;
/** So many samples together say what the link carries: the first packets may only fill what a router or a modem lends. */
const RATE_SAMPLES = 4;
/** What the kernel itself sends at once on a new connection (RFC 6928): no upload begins with more, whatever an earlier one found ... */
const LARGEST_START = 10 * 1_460;
/** ... unless that was just now: then one picture may go in one go. */
const LARGEST_NEXT_START = 64 * 1024;
const JUST_NOW_MS = 60_000;
/** With a limit, what is given at once is at most this part of a second's worth. */
const STEPS_A_SECOND = 10;
/** After the queue was felt, so many samples without it before it is tried again. */
const CALM_SAMPLES = 16;
const LOOK_AT_LEAST_MS = 1;
const LOOK_AT_MOST_MS = 50;
/** The way may have become another: the quickest answer is looked for anew. */
const FORGET_AFTER = 1_024;

/** What is remembered of the way from one upload to the next. */
export interface Way {
  window?: number;
  /** When that was found, in monotonic milliseconds. */
  atMs?: number;
}

/** Whether a question that is asked may hold up an alert for longer than anybody would notice; where nothing is known it may. */
export function isNarrow({ window }: Way): boolean {
  return window === undefined || window < LARGEST_START;
}

export class Pace {
  readonly #bytesPerSecond: number | null;
  readonly #way: Way;
  #window: number;
  #given = 0;
  #arrived = 0;
  #arrivedMs: number;
  #gaveMs: number;
  #isAll = false;
  /** The limit allows more from here on. */
  #freeMs = 0;
  #sample: { readonly upTo: number; readonly bytes: number; readonly givenMs: number } | undefined;
  /** The latest samples. */
  #carried: readonly { readonly bytes: number; readonly ms: number }[] = [];
  #samples = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  #calm = 0;
  #calmNeeded = 0;

  /**
   * @param bytesPerSecond null: no limit.
   * @param way of which this upload learns, and which learns of it.
   */
  constructor(bytesPerSecond: number | null, nowMs: number, way: Way = {}) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#way = way;
    const isFresh = way.atMs !== undefined && nowMs - way.atMs < JUST_NOW_MS;
    this.#window = Math.min(isFresh ? LARGEST_NEXT_START : LARGEST_START, way.window ?? SMALLEST_WINDOW);
    this.#arrivedMs = nowMs;
    this.#gaveMs = nowMs;
  }

  /** Of what was given, what may be on its way at once. */
  get window(): number {
    return this.#window;
  }

  /**
   * @param onItsWay bytes that the other side has not acknowledged; undefined where nobody knows.
   * @returns bytes that may be given now.
   */
  allows(nowMs: number, onItsWay: number | undefined): number {
    if (onItsWay !== undefined) this.see(nowMs, onItsWay);
    if (nowMs < this.#freeMs) return 0;
    const room = onItsWay === undefined ? LARGEST_STEP : this.#window - onItsWay;
    // Less than a packet is not worth one, unless nothing is on its way.
    if (room < SMALLEST_WINDOW) return 0;
    const limit = this.#bytesPerSecond === null ? LARGEST_STEP : Math.ceil(this.#bytesPerSecond / STEPS_A_SECOND);
    return Math.min(room, limit, LARGEST_STEP);
  }

  gave(bytes: number, nowMs: number): void {
    this.#given += bytes;
    this.#gaveMs = nowMs;
    if (this.#bytesPerSecond !== null) this.#freeMs = Math.max(this.#freeMs, nowMs) + (bytes / this.#bytesPerSecond) * 1_000;
    this.#sample ??= { upTo: this.#given, bytes: this.#given - this.#arrived, givenMs: nowMs };
  }

  /** Bytes until now. */
  get given(): number {
    return this.#given;
  }

  /** Nothing more is to be given; an answer has to come. */
  gaveAll(): void {
    this.#isAll = true;
  }

  get isAll(): boolean {
    return this.#isAll;
  }

  /** How long nothing has arrived that should have. */
  stalledMs(nowMs: number): number {
    return nowMs - this.#arrivedMs;
  }

  /** When to look again, in milliseconds: the longer nothing came, the later, as on a quick link every look counts. */
  lookAgainMs(nowMs: number): number {
    const quarter = Math.min((nowMs - this.#gaveMs) / 4, this.#quickestMs / 16);
    return Math.max(this.#freeMs - nowMs, Math.min(LOOK_AT_MOST_MS, Math.max(LOOK_AT_LEAST_MS, quarter)));
  }

  /** Takes note of what has arrived. */
  see(nowMs: number, onItsWay: number): void {
    const arrived = this.#given - onItsWay;
    if (arrived > this.#arrived || (arrived >= this.#given && !this.#isAll)) this.#arrivedMs = nowMs;
    this.#arrived = Math.max(this.#arrived, arrived);
    if (!this.#sample || arrived < this.#sample.upTo) return;
    const tookMs = nowMs - this.#sample.givenMs;
    this.#carried = [...this.#carried, { bytes: this.#sample.bytes, ms: Math.max(1, tookMs) }].slice(-RATE_SAMPLES);
    this.#sample = undefined;
    if (++this.#samples % FORGET_AFTER === 0) this.#quickestMs = tookMs;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    if (tookMs > Math.min(LATE_MS, this.#quickestMs * 1.5 + 50)) this.#shrink();
    else if (tookMs <= this.#quickestMs * 1.25 + 20) this.#grow();
    this.#window = Math.min(LARGEST_WINDOW, Math.max(this.#window, this.#unfelt()));
    Object.assign(this.#way, { window: this.#window, atMs: nowMs });
  }

  /** What the link carries in a time that nobody feels; 0 while that is not known. */
  #unfelt(): number {
    if (this.#carried.length < RATE_SAMPLES) return 0;
    const [bytes, ms] = this.#carried.reduce(([b, m], one) => [b + one.bytes, m + one.ms], [0, 0]);
    return Math.floor((bytes / ms) * UNFELT_MS);
  }

  #grow(): void {
    if (++this.#calm < this.#calmNeeded) return;
    this.#calm = 0;
    this.#window = Math.min(LARGEST_WINDOW, this.#window * 2);
  }

  #shrink(): void {
    this.#calm = 0;
    this.#calmNeeded = CALM_SAMPLES;
    this.#window = Math.max(SMALLEST_WINDOW, Math.floor(this.#window / 2));
  }
}
