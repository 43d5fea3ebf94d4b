// Keeps the latest images of one camera. For an alert, it returns the newest image at once and makes a clip of the time before and after.
// While privacy is on, no image is kept except for an allowed alert, and then only images that arrive after the alert.
import { type Seal, sealerFor, wait } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { CameraConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import type { CameraStatus } from '../status/index.ts';
import { type CameraMessage, loadSharp, makeImage } from './image.ts';
import { type Description, describeJpeg, type Frame, makeClip } from './output.ts';
import { Privacy } from './privacy.ts';
import { Ring } from './ring.ts';

interface Media {
  readonly kind: 'snapshot' | 'clip';
  readonly contentType: 'image/jpeg' | 'image/webp' | 'application/age';
  readonly bytes: Buffer;
  /** In wall time, milliseconds. */
  readonly takenAtMs: number;
}

/** Why there is no image: privacy forbids it, too many clips are in progress, or something failed. */
type Because = 'privacy' | 'busy' | 'trouble';

interface Alert {
  readonly channel: string;
  readonly incident: string;
}

export interface CameraOptions {
  readonly name: string;
  readonly config: CameraConfig;
  /** One instance must be shared by all cameras. */
  readonly jobs: Jobs;
  readonly clock: Clock;
  /** Called with the error if an image is invalid, and with undefined after a good image. */
  readonly onTrouble: (error: unknown) => void;
}

/** Memory limit in bytes. It applies to the camera's ring and separately to each of its clips. */
const HELD_BYTES = 16 * 1024 ** 2;

/** An image of at most this age is always treated as current, even from a fast camera. */
const FRESH_MS = 1_000;

/** How long to wait for the next image if there is no current image. */
const PATIENCE_MS = 3_000;

/** Limits the clips in progress per camera, so that a flapping alert cannot exhaust the memory. */
const MAX_CLIPS = 3;

interface Received {
  readonly message: CameraMessage;
  readonly atMs: number;
  readonly takenAtMs: number;
  /** How many privacy periods had begun when the image arrived. */
  readonly privacies: number;
}

export class Camera {
  readonly name: string;
  readonly #options: CameraOptions;
  readonly #privacy: Privacy;
  readonly #ring: Ring<Frame>;
  /** Callers waiting for the next image. */
  readonly #waiting = new Set<(frame: Frame | undefined) => void>();
  /** Clips that are still collecting images. */
  readonly #collecting = new Set<Ring<Frame>>();
  #clips = 0;
  #privacies = 0;
  #newest: Received | undefined;
  #seal: Seal | undefined;
  #kept = 0;
  #unreadable = 0;
  #lastKeptMs: number | undefined;
  #lastReceivedMs: number;
  #closed = false;

  constructor(options: CameraOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastReceivedMs = options.clock.mono();
    this.#ring = new Ring({ ms: options.config.ring, bytes: HELD_BYTES });
    this.#privacy = new Privacy(options.config, () => {
      this.#privacies += 1;
      this.#ring.clear();
      this.#collecting.clear();
    });
  }

  /** Loads the slow libraries before the first image needs them. @throws if images cannot be made or encrypted. */
  async start(): Promise<void> {
    const { recipients } = this.#options.config;
    await loadSharp();
    if (recipients.length > 0) this.#seal = await sealerFor(recipients);
  }

  /** Applies a message from the privacy topic. */
  setPrivacy(isOn: boolean): void {
    this.#privacy.report(isOn);
  }

  /** Takes an image. It is decoded later, unless a newer image has arrived by then. */
  receive(message: CameraMessage): void {
    const { clock, jobs } = this.#options;
    const atMs = clock.mono();
    this.#lastReceivedMs = atMs;
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
   * Returns the newest image if it is fresh enough, else waits for the next one.
   * @param alert the alert that needs the image. Undefined if someone or a schedule asked for it.
   * @param patienceMs how long to wait for the next image.
   * @throws AgentError PICTURE_MISSING with the reason.
   */
  async snapshot(alert?: Alert, patienceMs = PATIENCE_MS): Promise<Media> {
    const { clock, config } = this.#options;
    this.#request(alert?.channel);
    const { newest } = this.#ring;
    const isFresh = newest && clock.mono() - newest.atMs <= Math.max(FRESH_MS, 2_000 / config.rate);
    const frame = isFresh ? newest : await this.#next(patienceMs);
    if (!frame) throw this.#missing(`no usable image came from ${config.topic} in ${patienceMs / 1_000} s`);
    const bytes = describeJpeg(frame.jpeg, this.#description(frame, alert));
    return this.#media('snapshot', 'image/jpeg', bytes, frame.takenAtMs);
  }

  /**
   * Makes a clip from the images in the ring and those that arrive in the configured time after the alert.
   * @param signal ends the collection after the alert early.
   * @throws AgentError PICTURE_MISSING with the reason.
   */
  async clip(alert: Alert, signal: AbortSignal): Promise<Media> {
    const { clock, config, jobs } = this.#options;
    this.#request(alert.channel);
    if (this.#clips >= MAX_CLIPS) throw this.#missing(`${MAX_CLIPS} clips are in progress already`, 'busy');
    const clip = new Ring<Frame>({ ms: config.ring + config.after, bytes: HELD_BYTES });
    for (const frame of this.#ring.all(clock.mono())) clip.push(frame);
    this.#clips += 1;
    this.#collecting.add(clip);
    try {
      await wait(config.after, signal);
      this.#collecting.delete(clip);
      const frames = clip.all(clock.mono());
      const [first] = frames;
      if (!first) throw this.#missing(`no image came from ${config.topic} in ${config.after / 1_000} s`);
      const bytes = await jobs.run(() => makeClip(frames, this.#description(first, alert)), false);
      return await this.#media('clip', 'image/webp', bytes, first.takenAtMs);
    } finally {
      this.#collecting.delete(clip);
      this.#clips -= 1;
    }
  }

  /** Milliseconds since the last message, or since the camera was created if none has arrived. */
  get silentMs(): number {
    return this.#options.clock.mono() - this.#lastReceivedMs;
  }

  status(): Omit<CameraStatus, 'name' | 'topic'> {
    const nowMs = this.#options.clock.mono();
    return {
      kept: this.#kept,
      unreadable: this.#unreadable,
      ring_bytes: this.#ring.bytes,
      privacy: this.#privacy.isKnown ? this.#privacy.isOn : null,
      age_ms: this.#lastKeptMs === undefined ? null : nowMs - this.#lastKeptMs,
    };
  }

  /** Stops keeping images and releases all waiting callers. */
  close(): void {
    this.#closed = true;
    this.#ring.clear();
    for (const release of this.#waiting) release(undefined);
  }

  async #keepNewest(): Promise<void> {
    const received = this.#newest;
    this.#newest = undefined;
    const { config, onTrouble } = this.#options;
    if (!received || !this.#mayKeep(received)) return;
    try {
      const image = await makeImage(received.message, config);
      onTrouble(undefined);
      if (this.#mayKeep(received)) this.#keep({ ...image, atMs: received.atMs, takenAtMs: received.takenAtMs });
    } catch (error) {
      this.#unreadable += 1;
      onTrouble(error);
    }
  }

  /** Images from before the current privacy period must never be kept, even if an allowed alert asks for images. */
  #mayKeep({ atMs, privacies }: Received): boolean {
    return !this.#closed && privacies === this.#privacies && this.#privacy.mayKeep(atMs);
  }

  #keep(frame: Frame): void {
    this.#kept += 1;
    this.#lastKeptMs = frame.atMs;
    for (const ring of [this.#ring, ...this.#collecting]) ring.push(frame);
    for (const release of this.#waiting) release(frame);
  }

  #request(channel: string | undefined): void {
    const { clock, config } = this.#options;
    if (this.#closed) throw this.#missing('the camera is closed');
    if (this.#privacy.request(channel, clock.mono(), Math.max(config.after, PATIENCE_MS))) return;
    const reason = this.#privacy.isKnown ? 'privacy is on' : `privacy is on until the first message on ${config.privacy_topic}`;
    throw this.#missing(reason, 'privacy');
  }

  /** @returns the next image that is kept, or undefined if none arrives in time. */
  #next(patienceMs: number): Promise<Frame | undefined> {
    return new Promise((resolve) => {
      const release = (frame: Frame | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(release);
        resolve(frame);
      };
      const timer = setTimeout(() => release(undefined), patienceMs);
      this.#waiting.add(release);
    });
  }

  async #media(kind: Media['kind'], contentType: Media['contentType'], bytes: Buffer, takenAtMs: number): Promise<Media> {
    if (this.#options.config.recipients.length === 0) return { kind, contentType, bytes, takenAtMs };
    // An image that should be encrypted must never be stored unencrypted.
    if (!this.#seal) throw this.#missing('the image can’t be encrypted for its recipients');
    return { kind, contentType: 'application/age', bytes: await this.#seal(bytes), takenAtMs };
  }

  #description({ takenAtMs }: Frame, alert: Alert | undefined): Description {
    return { camera: this.name, taken: new Date(takenAtMs).toISOString(), incident: alert?.incident ?? null };
  }

  #missing(reason: string, because: Because = 'trouble'): AgentError {
    return new AgentError('PICTURE_MISSING', `${this.name}: ${reason}`, { fields: { because } });
  }
}

interface Job {
  readonly urgent: boolean;
  readonly begin: () => Promise<void>;
}

/** Runs the jobs of all cameras one at a time: urgent jobs first, otherwise in order of arrival. */
export class Jobs {
  readonly #waiting: Job[] = [];
  #running = false;

  /** Resolves or rejects with the result of `work`. */
  run<T>(work: () => Promise<T>, urgent: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => work().then(resolve, reject);
      const next = urgent ? this.#waiting.findIndex((job) => !job.urgent) : -1;
      this.#waiting.splice(next === -1 ? this.#waiting.length : next, 0, { urgent, begin });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) await job.begin();
    this.#running = false;
  }
}
