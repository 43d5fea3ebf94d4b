// Collects an alert's files under its incident id: a snapshot and a clip from each camera, and a record with the last minute's readings.
// This must start after the alert has been written, so that it does not delay the alert.
import { messageOf, type Seal, safeText, sealerFor } from '../../base/index.ts';
import type { Outcome } from '../../commands/index.ts';
import { AgentError } from '../../errors.ts';
import type { Camera } from '../../media/index.ts';
import type { NewRow } from '../../outbox/index.ts';
import { type RecentReading, RecentReadings } from '../../sensing/index.ts';
import type { NewUpload, UploadKind, Uploads } from '../../uploads/index.ts';
import { UNUSABLE_SUFFIX } from '../../wire/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

export interface IncidentParts extends Pick<Parts, 'clock' | 'problems' | 'log'> {
  readonly thing: string;
  /** @returns the cameras in the current configuration. */
  readonly cameras: () => readonly Camera[];
  readonly uploads: Pick<Uploads, 'add'>;
  /** Public age keys for which records are sealed. If empty, they are not sealed. */
  readonly recipients: readonly string[];
  /** @returns the last lines of the agent's log. */
  readonly lastLines: () => Promise<string[]>;
}

interface Incident {
  readonly id: string;
  readonly channel: string;
  readonly value: unknown;
  /** In wall time, milliseconds. */
  readonly at: number;
}

type Upload = Omit<NewUpload, 'incident'>;

/** The result of taking one image or writing one record. */
interface Spooled {
  readonly camera: string;
  readonly takenAtMs: number | undefined;
  /** Why it failed, or undefined if it succeeded. */
  readonly reason: string | undefined;
  readonly isPrivate: boolean;
}

/** Limits on the readings in an incident's record. */
const RECORD = { ms: 60_000, readingsPerChannel: 600 };

const KINDS = ['snapshot', 'clip', 'log'] as const satisfies readonly UploadKind[];

/** At most this many alerts per minute get images, so that a flapping sensor cannot fill the disk. */
const MAX_PER_MINUTE = 12;

/** How long a missed image is shown as a problem, unless a later alert shows that the camera works again. */
const MISSED_FOR_MS = 10 * 60_000;

export class Incidents {
  readonly #parts: IncidentParts;
  readonly #recentReadings = new RecentReadings(RECORD);
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #recentMs: number[] = [];
  #withoutImages = 0;
  #seal: Promise<Seal> | undefined;
  /**
   * One timer per camera and kind of file that failed last. The kinds are separate because a good snapshot does not show that clips work.
   */
  readonly #missing = new Map<string, NodeJS.Timeout>();

  constructor(parts: IncidentParts) {
    this.#parts = parts;
  }

  /** Must be called for each row that has been written. It must return quickly, because an alert may be on its way. */
  onRow(row: NewRow): void {
    if (!('channel' in row)) return;
    const { clock } = this.#parts;
    const { channel, value, extra } = row;
    const at = clock.wall();
    this.#recentReadings.add({ at, channel, value, extra }, clock.mono());
    if (extra?.alert !== 'raised' || extra.incident === undefined) return;
    // An image does not show why a sensor's messages are unusable, and must not use up the share of a real alert.
    if (channel.endsWith(UNUSABLE_SUFFIX)) return;
    // A summary is about an alert that has its images already.
    if (extra.flapping !== undefined && extra.flapping.raised > 0) return;
    const incident = { id: extra.incident, channel, value, at };
    setImmediate(() => this.#begin(incident));
  }

  /**
   * Takes images outside of an alert.
   * @param name the camera. If undefined, all cameras take an image.
   * @param patienceMs how long to wait for an image. By default 3 s, because someone may be waiting.
   */
  async snapshot(name: string | undefined, patienceMs?: number): Promise<Outcome> {
    const cameras = this.#parts.cameras().filter((camera) => name === undefined || camera.name === name);
    if (cameras.length === 0) return { status: 'failed', detail: `there is no camera ${name}` };
    const take = (camera: Camera) => this.#spool(camera.name, 'snapshot', () => camera.snapshot(undefined, patienceMs), null);
    const taken = await Promise.all(cameras.map(take));
    const failures = taken.flatMap(({ reason }) => reason ?? []);
    const detail = failures.length > 0 ? { detail: failures.join('; ').slice(0, 500) } : {};
    const pictures = taken.flatMap(({ camera, takenAtMs }) => (takenAtMs === undefined ? [] : [{ camera, taken_at: takenAtMs }]));
    if (pictures.length > 0) return { status: 'done', applied: { pictures }, ...detail };
    return taken.every(({ isPrivate }) => isPrivate)
      ? { status: 'rejected', reason: 'not_allowed', ...detail }
      : { status: 'failed', ...detail };
  }

  /** Ends all clips early. Resolves once all files are in the spool. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    for (const timer of this.#missing.values()) clearTimeout(timer);
  }

  #begin(incident: Incident): void {
    const { clock, cameras, log } = this.#parts;
    const now = clock.mono();
    this.#recentMs = this.#recentMs.filter((atMs) => now - atMs < 60_000);
    if (this.#stopping.signal.aborted) return;
    if (this.#recentMs.length >= MAX_PER_MINUTE) {
      if (this.#withoutImages++ === 0)
        log.warn({ event: 'alert_pictures_paused', channel: incident.channel }, 'too many alerts: further alerts get no images');
      return;
    }
    if (this.#withoutImages > 0)
      log.info({ event: 'alert_pictures_resumed', without: this.#withoutImages }, `${this.#withoutImages} alerts got no images`);
    this.#withoutImages = 0;
    this.#recentMs.push(now);
    const { id, channel } = incident;
    const { signal } = this.#stopping;
    // The clip must start together with the snapshot, because it takes its first images from the ring, which keeps only the last seconds.
    const clip = (camera: Camera) => this.#spool(camera.name, 'clip', () => camera.clip({ channel, incident: id }, signal), id);
    const clips = cameras().map(clip);
    const running = Promise.all([this.#takeSnapshots(incident), ...clips]).then(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Takes a snapshot with each camera, then writes the record, which lists the snapshots and the readings before the alert. */
  async #takeSnapshots(incident: Incident): Promise<void> {
    const { cameras, clock, lastLines } = this.#parts;
    const alert = { channel: incident.channel, incident: incident.id };
    const readings = this.#recentReadings.all(clock.mono());
    const take = (camera: Camera) => this.#spool(camera.name, 'snapshot', () => camera.snapshot(alert), incident.id);
    const taken = await Promise.all(cameras().map(take));
    await this.#spool('record', 'log', async () => this.#sealed(this.#record(incident, readings, taken, await lastLines())), incident.id);
  }

  #record(
    { id, channel, value, at }: Incident,
    readings: readonly RecentReading[],
    taken: readonly Spooled[],
    log: readonly string[],
  ): Upload {
    const record = {
      thing: this.#parts.thing,
      incident: id,
      channel,
      value,
      at,
      pictures: taken.map(({ camera, takenAtMs, reason: why }) => ({ camera, taken_at: takenAtMs ?? null, why })),
      readings: readings.map((reading) => [reading.at, reading.channel, reading.value, ...(reading.extra ? [reading.extra] : [])]),
      log,
    };
    return { kind: 'log', contentType: 'application/json', bytes: Buffer.from(`${JSON.stringify(record)}\n`), takenAtMs: at };
  }

  async #sealed(record: Upload): Promise<Upload> {
    const { recipients } = this.#parts;
    if (recipients.length === 0) return record;
    this.#seal ??= sealerFor(recipients);
    return { ...record, contentType: 'application/age', bytes: await (await this.#seal)(record.bytes) };
  }

  /** Creates the file and puts it into the spool. Never throws: a failure is reported and returned. */
  async #spool(camera: string, kind: UploadKind, create: () => Promise<Upload>, incident: string | null): Promise<Spooled> {
    const { uploads, log } = this.#parts;
    try {
      const upload = await create();
      if (!(await uploads.add({ ...upload, incident }))) throw new Error('uploads.max_size is used up by more important files');
      const { takenAtMs, bytes } = upload;
      log.info({ event: 'spooled', camera, kind, incident, bytes: bytes.length }, `${kind} of ${camera} waits for its upload`);
      this.#clearMissing(camera, kind);
      return { camera, takenAtMs, reason: undefined, isPrivate: false };
    } catch (error) {
      const reason = safeText(messageOf(error));
      const because = error instanceof AgentError ? error.fields.because : undefined;
      if (because === 'privacy' || because === 'busy') {
        log.info({ event: 'no_picture', camera, kind, incident, reason }, `no image: ${reason}`);
      } else {
        this.#setMissing(camera, kind, reason);
      }
      return { camera, takenAtMs: undefined, reason, isPrivate: because === 'privacy' };
    }
  }

  #setMissing(camera: string, kind: UploadKind, reason: string): void {
    const key = `${kind} of ${camera}`;
    clearTimeout(this.#missing.get(key));
    this.#missing.set(key, setTimeout(() => this.#clearMissing(camera, kind), MISSED_FOR_MS).unref());
    this.#parts.problems.raise('pictures_missing', reason, camera);
  }

  #clearMissing(camera: string, kind: UploadKind): void {
    const key = `${kind} of ${camera}`;
    clearTimeout(this.#missing.get(key));
    this.#missing.delete(key);
    if (!KINDS.some((each) => this.#missing.has(`${each} of ${camera}`))) this.#parts.problems.clear('pictures_missing', camera);
  }
}
