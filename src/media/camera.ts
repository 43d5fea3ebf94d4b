// One camera. Its latest pictures are in a ring of small pictures. An alert takes the newest picture at once, and a clip of the time before
// and after. In privacy nothing is kept except for an allowed alert, and then only pictures from that moment on.

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

/** Why a picture is missing: the household forbids it, too many are in progress, or something failed. */
export type Because = 'privacy' | 'busy' | 'trouble';

/** The subject of a picture. */
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
  /** The fault of the camera's pictures; undefined after a good one. */
  readonly onTrouble: (what: string | undefined) => void;
}

export interface CameraCounts {
  readonly kept: number;
  readonly unreadable: number;
  readonly ring_bytes: number;
  /** Whether privacy is on; null: unknown, which counts as on. */
  readonly privacy: boolean | null;
  /** Milliseconds since the last kept picture; null before the first. */
  readonly age_ms: number | null;
}

/** Memory limit in bytes for the small pictures of one camera, and for one of its clips. */
const HELD_BYTES = 16 * 1024 ** 2;

/** A picture of this age is no longer current, whatever the rate. */
const FRESH_MS = 1_000;

/** Time for a camera without a current picture to deliver one. */
const PATIENCE_MS = 3_000;

/** Clips in progress per camera: a flapping alert must not fill the memory. */
const MAX_CLIPS = 3;

interface Seen {
  readonly message: PictureMessage;
  readonly atMs: number;
  readonly takenAtMs: number;
  /** Number of privacy periods begun at that time. */
  readonly privacies: number;
}

export class Camera {
  readonly name: string;
  readonly #options: CameraOptions;
  readonly #privacy: Privacy;
  readonly #ring: Ring<Frame>;
  /** Callers that wait for the next picture. */
  readonly #waiting = new Set<(frame: Frame | undefined) => void>();
  /** Clips that collect new pictures. */
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

  /** Loads slow parts in advance. @throws if pictures cannot be made or encrypted. */
  async start(): Promise<void> {
    const { recipients } = this.#options.config;
    await loadSharp();
    if (recipients.length > 0) this.#seal = await sealFor(recipients);
  }

  /** A message on the privacy topic. */
  setPrivacy(isOn: boolean): void {
    this.#privacy.say(isOn);
  }

  /** A new picture. It is decoded in its turn, unless a newer one has arrived by then. */
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
   * The current picture: the newest if it is fresh, else the next.
   * @param alert that requests it; undefined: a person or a schedule.
   * @param patienceMs longest wait for the next picture.
   * @throws AgentError PICTURE_MISSING with the reason.
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
   * A clip of the time before, and of the configured time after.
   * @param signal ends the time after early.
   * @throws AgentError PICTURE_MISSING with the reason.
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

  /** Time since the last message, kept or not, or since the start. */
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

  /** Stops keeping pictures and releases all waiting callers. */
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

  /** A picture from before the privacy period is not kept, whatever privacy allows. */
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

  /** The next kept picture; undefined if none arrives in time. */
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
    // Without its encryption the picture must not be stored.
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
