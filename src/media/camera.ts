// One camera: what it saw last is in a ring of small pictures, an alert takes the newest at once and a clip of what was before and
// after. In privacy nothing is kept, but for an alert that is allowed to; then only what comes from that moment on.

import { messageOf, wait } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { CameraConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Frame, makeClip } from './clip.ts';
import { type Inscription, inscribeJpeg } from './inscribe.ts';
import type { Jobs } from './jobs.ts';
import { makePicture, type PictureMessage } from './picture.ts';
import { Privacy } from './privacy.ts';
import { Ring } from './ring.ts';
import { type Seal, sealFor } from './seal.ts';
import { loadSharp } from './sharp.ts';

export interface Media {
  readonly kind: 'snapshot' | 'clip';
  readonly contentType: 'image/jpeg' | 'image/webp' | 'application/age';
  readonly bytes: Buffer;
  /** Wall time in milliseconds. */
  readonly takenAtMs: number;
}

/** Of a picture that there is none of: the house wants it so, as many as there may be are being made, or something is wrong. */
export type Because = 'privacy' | 'busy' | 'trouble';

/** Of which pictures are wanted. */
export interface Alert {
  readonly channel: string;
  readonly incident: string;
}

export interface CameraOptions {
  readonly name: string;
  readonly config: CameraConfig;
  /** Shared by all cameras. */
  readonly jobs: Jobs;
  readonly clock: Clock;
  /** What is wrong with its pictures; undefined when one was well. */
  readonly onTrouble: (what: string | undefined) => void;
}

export interface CameraCounts {
  readonly kept: number;
  readonly unreadable: number;
  readonly ring_bytes: number;
  /** Whether there is privacy; null: nobody has said, so there is. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last picture that was kept; null before the first. */
  readonly age_ms: number | null;
}

/** Bytes of small pictures that one camera, and one clip of it, may hold. */
const HELD_BYTES = 16 * 1024 ** 2;

/** A picture that old is not the present any more, whatever the rate. */
const FRESH_MS = 1_000;

/** A camera that has no fresh picture has so long to come up with one. */
const PATIENCE_MS = 3_000;

/** Clips that are collected or made at a time: what flaps must not fill the memory. */
const MAX_CLIPS = 3;

interface Seen {
  readonly message: PictureMessage;
  readonly atMs: number;
  readonly takenAtMs: number;
  /** How often privacy had begun by then. */
  readonly privacies: number;
}

export class Camera {
  readonly name: string;
  readonly #options: CameraOptions;
  readonly #privacy: Privacy;
  readonly #ring: Ring<Frame>;
  /** Who waits for the next picture. */
  readonly #waiting = new Set<(frame: Frame | undefined) => void>();
  /** Clips that take what comes. */
  readonly #collecting = new Set<Ring<Frame>>();
  #clips = 0;
  #privacies = 0;
  #newest: Seen | undefined;
  #seal: Seal | undefined;
  #kept = 0;
  #unreadable = 0;
  #lastKeptMs: number | undefined;
  #lastSeenMs: number;
  #closed = false;

  constructor(options: CameraOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastSeenMs = options.clock.mono();
    this.#ring = new Ring({ ms: options.config.ring, bytes: HELD_BYTES });
    this.#privacy = new Privacy(options.config, () => {
      this.#privacies += 1;
      this.#ring.clear();
      this.#collecting.clear();
    });
  }

  /** Gets ready what takes long the first time. @throws where pictures could not be made, or not be encrypted. */
  async start(): Promise<void> {
    const { recipients } = this.#options.config;
    await loadSharp();
    if (recipients.length > 0) this.#seal = await sealFor(recipients);
  }

  /** What was said on the privacy topic. */
  setPrivacy(isOn: boolean): void {
    this.#privacy.say(isOn);
  }

  /** A picture came. It is decoded when its turn comes, unless a newer one is there by then. */
  see(message: PictureMessage): void {
    const { clock, jobs } = this.#options;
    const atMs = clock.mono();
    this.#lastSeenMs = atMs;
    if (this.#closed) return;
    if (!this.#privacy.mayKeep(atMs)) {
      this.#ring.clear();
      return;
    }
    const isQueued = this.#newest !== undefined;
    this.#newest = { message, atMs, takenAtMs: clock.wall(), privacies: this.#privacies };
    if (!isQueued) void jobs.run(() => this.#keepNewest(), true);
  }

  /**
   * The present: the newest picture where it is fresh, else the next.
   * @param alert that asks; undefined: a person or a schedule does.
   * @param patienceMs how long the next one may take.
   * @throws AgentError PICTURE_MISSING, that says why there is none.
   */
  async snapshot(alert?: Alert, patienceMs = PATIENCE_MS): Promise<Media> {
    const { clock, config } = this.#options;
    this.#ask(alert?.channel);
    const { newest } = this.#ring;
    const isFresh = newest && clock.mono() - newest.atMs <= Math.max(FRESH_MS, 2_000 / config.rate);
    const frame = isFresh ? newest : await this.#next(patienceMs);
    if (!frame) throw this.#missing(`nothing that could be kept came from ${config.topic} in ${patienceMs / 1_000} s`);
    const bytes = inscribeJpeg(frame.jpeg, this.#inscription(frame, alert));
    return this.#media('snapshot', 'image/jpeg', bytes, frame.takenAtMs);
  }

  /**
   * What was before, and what comes in the configured time after.
   * @param signal ends the time after early.
   * @throws AgentError PICTURE_MISSING, that says why there is none.
   */
  async clip(alert: Alert, signal: AbortSignal): Promise<Media> {
    const { clock, config, jobs } = this.#options;
    this.#ask(alert.channel);
    if (this.#clips >= MAX_CLIPS) throw this.#missing(`${MAX_CLIPS} clips are being made already`, 'busy');
    const nowMs = clock.mono();
    const clip = new Ring<Frame>({ ms: config.ring + config.after, bytes: HELD_BYTES });
    for (const frame of this.#ring.all(nowMs)) clip.push(frame);
    this.#clips += 1;
    this.#collecting.add(clip);
    try {
      await wait(config.after, signal);
      this.#collecting.delete(clip);
      const frames = clip.all(clock.mono());
      const [first] = frames;
      if (!first) throw this.#missing(`no picture came from ${config.topic} in ${config.after / 1_000} s`);
      const bytes = await jobs.run(() => makeClip(frames, this.#inscription(first, alert)), false);
      return await this.#media('clip', 'image/webp', bytes, first.takenAtMs);
    } finally {
      this.#collecting.delete(clip);
      this.#clips -= 1;
    }
  }

  /** Since anything came, kept or not, or since the start. */
  get silentMs(): number {
    return this.#options.clock.mono() - this.#lastSeenMs;
  }

  status(): CameraCounts {
    const nowMs = this.#options.clock.mono();
    return {
      kept: this.#kept,
      unreadable: this.#unreadable,
      ring_bytes: this.#ring.bytes,
      privacy: this.#privacy.isKnown ? this.#privacy.isOn : null,
      age_ms: this.#lastKeptMs === undefined ? null : nowMs - this.#lastKeptMs,
    };
  }

  /** Nothing is kept any more, and who waits is let go. */
  close(): void {
    this.#closed = true;
    this.#ring.clear();
    for (const give of this.#waiting) give(undefined);
  }

  async #keepNewest(): Promise<void> {
    const seen = this.#newest;
    this.#newest = undefined;
    const { config, onTrouble } = this.#options;
    if (!seen || !this.#mayKeep(seen)) return;
    try {
      const picture = await makePicture(seen.message, config);
      onTrouble(undefined);
      if (this.#mayKeep(seen)) this.#keep({ ...picture, atMs: seen.atMs, takenAtMs: seen.takenAtMs });
    } catch (error) {
      this.#unreadable += 1;
      onTrouble(messageOf(error));
    }
  }

  /** A picture of before privacy began is not kept after it, whoever may be pictured then. */
  #mayKeep({ atMs, privacies }: Seen): boolean {
    return !this.#closed && privacies === this.#privacies && this.#privacy.mayKeep(atMs);
  }

  #keep(frame: Frame): void {
    this.#kept += 1;
    this.#lastKeptMs = frame.atMs;
    for (const ring of [this.#ring, ...this.#collecting]) ring.push(frame);
    for (const give of this.#waiting) give(frame);
  }

  #ask(channel: string | undefined): void {
    const { clock, config } = this.#options;
    if (this.#closed) throw this.#missing('it is closed');
    if (this.#privacy.ask(channel, clock.mono(), Math.max(config.after, PATIENCE_MS))) return;
    const why = this.#privacy.isKnown ? 'there is privacy now' : `nothing was heard on ${config.privacy_topic} yet, so there is privacy`;
    throw this.#missing(why, 'privacy');
  }

  /** The next picture that is kept; undefined where none is in time. */
  #next(patienceMs: number): Promise<Frame | undefined> {
    return new Promise((resolve) => {
      const give = (frame: Frame | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(give);
        resolve(frame);
      };
      const timer = setTimeout(() => give(undefined), patienceMs);
      this.#waiting.add(give);
    });
  }

  async #media(kind: Media['kind'], contentType: Media['contentType'], bytes: Buffer, takenAtMs: number): Promise<Media> {
    if (this.#options.config.recipients.length === 0) return { kind, contentType, bytes, takenAtMs };
    // Never in the clear what was to be sealed.
    if (!this.#seal) throw this.#missing('it can’t be encrypted for its recipients');
    return { kind, contentType: 'application/age', bytes: await this.#seal(bytes), takenAtMs };
  }

  #inscription({ takenAtMs }: Frame, alert: Alert | undefined): Inscription {
    return { camera: this.name, taken: new Date(takenAtMs).toISOString(), incident: alert?.incident ?? null };
  }

  #missing(why: string, because: Because = 'trouble'): AgentError {
    return new AgentError('PICTURE_MISSING', `${this.name}: ${why}`, { fields: { because } });
  }
}
