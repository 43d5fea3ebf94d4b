// How fast a request leaves, head and body, so that an alert never waits long behind a picture. What is given to a connection and not yet
// acknowledged fills the queue of the slowest link on the way, and whatever comes later stands behind it: so only as much is on its way as
// does not make it slower (the idea of LEDBAT, RFC 6817), and on a slow link that is one small packet. Never less than what the link has
// just carried in a seventh of a second, if that is a whole packet: what takes long then is not this queue. Pure: times and counts are
// passed in.

/** With its headers a twelfth of a second at 32 kbit/s; four fifths of what then goes over the link are the file. */
const SMALLEST_WINDOW = 256;
/** Where answers take long whatever is sent, a packet is so large that this many bytes a second get through ... */
const LEAST_BYTES_PER_SECOND = 1_024;
/** ... up to what any network takes in one piece (RFC 791). */
const SMALL_PACKET = 576;
const LARGE_PACKET = 1_460;
const LARGEST_WINDOW = 1024 ** 2;
const LARGEST_STEP = 64 * 1024;
/** A queue of so long delays no alert that anybody would notice; LEDBAT's target (RFC 6817), and half as much for a way's own jitter. */
const UNFELT_MS = 150;
/** Whatever the quickest answer was: one so late stood in a queue. */
const LATE_MS = 500;
/** So many samples, of so many bytes, say together what the link carries: the first ones may only fill what a router or a modem lends. */
const RATE_SAMPLES = 4;
const RATE_BYTES = 3_000;
/** What the kernel itself sends at once on a new connection (RFC 6928): no upload begins with more, whatever an earlier one found ... */
const LARGEST_START = 10 * LARGE_PACKET;
/** ... unless that was just now: then one picture may go in one go. */
const LARGEST_NEXT_START = 64 * 1024;
const JUST_NOW_MS = 60_000;
/** With a limit, what is given at once is at most this part of a second's worth. */
const STEPS_A_SECOND = 10;
/** On a narrow way so many small packets go first: how long they take is what all others are compared with, and one may stand behind others'. */
const SMALL_FIRST = 2;
/** So many samples together say whether a window is too large, and so many whether it is much too large. */
const FELT_SAMPLES = 12;
const MUCH_FELT_SAMPLES = 4;
/** After a window was too large, so many samples before it is tried again; twice as many each time, up to a limit. */
const LEAST_PATIENCE = 4;
const MOST_PATIENCE = 1_024;
const LOOK_AT_LEAST_MS = 1;
const LOOK_AT_MOST_MS = 50;
/** The way may have become another: the quickest answer is looked for anew. */
const FORGET_AFTER = 1_024;

/** What is remembered of the way from one upload to the next. */
export interface Way {
  window?: number;
  /** When that was found, in monotonic milliseconds. */
  atMs?: number;
  /** So many samples there are to be before a larger window is tried, and so many of them are still missing. */
  patience?: number;
  missing?: number;
}

interface Carried {
  readonly bytes: number;
  readonly ms: number;
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
  #carried: readonly Carried[] = [];
  #samples = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  /** Of the latest samples of this window. */
  #tookMs: readonly number[] = [];
  #patience = 0;
  #missing = 0;

  /**
   * @param bytesPerSecond null: no limit.
   * @param way of which this upload learns, and which learns of it.
   */
  constructor(bytesPerSecond: number | null, nowMs: number, way: Way = {}) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#way = way;
    const isFresh = way.atMs !== undefined && nowMs - way.atMs < JUST_NOW_MS;
    this.#window = Math.min(isFresh ? LARGEST_NEXT_START : LARGEST_START, way.window ?? SMALLEST_WINDOW);
    if (isFresh) [this.#patience, this.#missing] = [way.patience ?? 0, way.missing ?? 0];
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
    const window = this.#samples < SMALL_FIRST && this.isNarrow ? SMALLEST_WINDOW : this.#window;
    const room = onItsWay === undefined ? LARGEST_STEP : window - onItsWay;
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

  /** Of them, those that were on their way when that was last seen. */
  get onItsWay(): number {
    return this.#given - this.#arrived;
  }

  /** Whether no more was given than TCP itself begins with. */
  get isBeginning(): boolean {
    return this.#given < LARGEST_START;
  }

  /** Whether what is given may hold up an alert for longer than anybody would notice. */
  get isNarrow(): boolean {
    return this.#window < LARGEST_START;
  }

  /** Nothing more is to be given; an answer has to come, and nobody looks at every moment. */
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
    if (!this.#sample) return;
    const { upTo, bytes, givenMs } = this.#sample;
    const tookMs = nowMs - givenMs;
    const hasArrived = arrived >= upTo;
    // Once all is given nobody looks at every moment: what has arrived by now may have done so long ago.
    if (this.#isAll ? hasArrived || tookMs <= LATE_MS : !hasArrived) return;
    this.#sample = undefined;
    if (hasArrived) this.#note(bytes, Math.max(1, tookMs));
    if (tookMs > LATE_MS) this.#shrink();
    // Less than a window says nothing of whether a window is too much.
    else if (bytes * 2 > this.#window) this.#judge(tookMs);
    if (this.#samples === FORGET_AFTER) [this.#samples, this.#quickestMs] = [0, Number.POSITIVE_INFINITY];
    this.#window = Math.min(LARGEST_WINDOW, Math.max(this.#window, this.#unfelt()));
    Object.assign(this.#way, { window: this.#window, atMs: nowMs, patience: this.#patience, missing: this.#missing });
  }

  #note(bytes: number, tookMs: number): void {
    this.#carried = latest([...this.#carried, { bytes, ms: tookMs }]);
    this.#samples++;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
  }

  /** Whether this window is too large, or may be larger. One answer may be late for reasons of its own, several in a row are not. */
  #judge(tookMs: number): void {
    this.#tookMs = [...this.#tookMs, tookMs].slice(-FELT_SAMPLES);
    this.#missing--;
    const [samples, leastMs] = [this.#tookMs.length, Math.min(...this.#tookMs)];
    const isFelt = samples === FELT_SAMPLES && leastMs > this.#quickestMs * 1.25 + 40;
    if (isFelt || (samples >= MUCH_FELT_SAMPLES && leastMs > this.#quickestMs + UNFELT_MS)) this.#shrink();
    else if (this.#missing < 0 && tookMs <= this.#quickestMs * 1.25 + 20) this.#grow();
  }

  /** What the link carries in a time that nobody feels; 0 while that is not known, or no whole packet. */
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
    // Where it can't be smaller, nothing larger was tried either.
    if (smaller < this.#window) {
      this.#patience = Math.min(MOST_PATIENCE, Math.max(LEAST_PATIENCE, this.#patience * 2));
      this.#missing = this.#patience;
    }
    this.#window = smaller;
  }
}

/** Whether they are enough to say what the link carries. */
function isRate(carried: readonly Carried[]): boolean {
  return carried.length >= RATE_SAMPLES && sumOf(carried, 'bytes') >= RATE_BYTES;
}

/** Of them, the last ones that are enough. */
function latest(carried: readonly Carried[]): readonly Carried[] {
  return isRate(carried.slice(1)) ? latest(carried.slice(1)) : carried;
}

function sumOf(carried: readonly Carried[], key: keyof Carried): number {
  return carried.reduce((sum, one) => sum + one[key], 0);
}
