// Collects an alert's pictures for the family: a picture of each camera at once, the readings of the last minute, and a clip of the time
// before and after, all under the incident of the alert's row. None of this delays the alert: it starts after the alert was written.

import { messageOf } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Outcome } from '../../commands/index.ts';
import { AgentError } from '../../errors.ts';
import type { Logger } from '../../logs/index.ts';
import type { Camera } from '../../media/index.ts';
import type { NewRow } from '../../outbox/index.ts';
import { type RecentReading, RecentReadings } from '../../sensing/index.ts';
import type { Problems } from '../../status/index.ts';
import type { NewUpload, UploadKind } from '../../uploads/index.ts';
import type { RunningUploads } from '../uploads/uploads.ts';

export interface IncidentParts {
  readonly thing: string;
  /** The current cameras. */
  readonly cameras: () => readonly Camera[];
  readonly uploads: RunningUploads;
  readonly clock: Clock;
  readonly problems: Problems;
  readonly log: Logger;
  /** The last lines of the agent's log. */
  readonly lastLines: () => Promise<string[]>;
}

interface Incident {
  readonly id: string;
  readonly channel: string;
  readonly value: unknown;
  /** Wall time in milliseconds. */
  readonly at: number;
}

type Upload = Omit<NewUpload, 'incident'>;

/** Outcome of one picture, or of the record. */
interface Spooled {
  readonly camera: string;
  readonly takenAtMs: number | undefined;
  readonly why: string | undefined;
  readonly privacy: boolean;
}

/** Data for the record of an incident. */
const RECORD = { ms: 60_000, readingsPerChannel: 600 };

const KINDS = ['snapshot', 'clip', 'log'] as const satisfies readonly UploadKind[];

/** A flapping sensor must not fill the disk with pictures: further alerts are delivered without. */
const MAX_PER_MINUTE = 12;

/** If no later alert shows that the camera works again, a missed picture stays a problem for this time. */
const MISSED_FOR_MS = 10 * 60_000;

export class Incidents {
  readonly #parts: IncidentParts;
  readonly #recentReadings = new RecentReadings(RECORD);
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #recentMs: number[] = [];
  #unpictured = 0;
  /** Kinds of pictures that failed last time, per camera: a good snapshot does not prove that clips work. */
  readonly #missing = new Map<string, NodeJS.Timeout>();

  constructor(parts: IncidentParts) {
    this.#parts = parts;
  }

  /** A row was written. Must be fast, since an alert may be in flight. */
  onRow(row: NewRow): void {
    if (!('channel' in row)) return;
    const { clock } = this.#parts;
    const { channel, value, extra } = row;
    const at = clock.wall();
    this.#recentReadings.add({ at, channel, value, extra }, clock.mono());
    if (extra?.alert !== 'raised' || extra.incident === undefined) return;
    const incident = { id: extra.incident, channel, value, at };
    setImmediate(() => this.#begin(incident));
  }

  /** A picture without an alert. @param name one camera; undefined: all. @param patienceMs absent: a person waits for it. */
  async snapshot(name: string | undefined, patienceMs?: number): Promise<Outcome> {
    const cameras = this.#parts.cameras().filter((camera) => name === undefined || camera.name === name);
    if (cameras.length === 0) return { status: 'failed', detail: `there is no camera ${name}` };
    const take = (camera: Camera) => this.#spool(camera.name, 'snapshot', () => camera.snapshot(undefined, patienceMs), null);
    const taken = await Promise.all(cameras.map(take));
    const missed = taken.flatMap(({ why }) => why ?? []);
    const detail = missed.length > 0 ? { detail: missed.join('; ').slice(0, 500) } : {};
    const pictures = taken.flatMap(({ camera, takenAtMs }) => (takenAtMs === undefined ? [] : [{ camera, taken_at: takenAtMs }]));
    if (pictures.length > 0) return { status: 'done', applied: { pictures }, ...detail };
    return taken.every(({ privacy }) => privacy)
      ? { status: 'rejected', reason: 'not_allowed', ...detail }
      : { status: 'failed', ...detail };
  }

  /** Ends all clips early. Resolves when everything is in the spool. */
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
      if (this.#unpictured++ === 0)
        log.warn({ event: 'alert_pictures_paused', channel: incident.channel }, 'too many alerts: further alerts get no pictures');
      return;
    }
    if (this.#unpictured > 0)
      log.info({ event: 'alert_pictures_resumed', without: this.#unpictured }, `${this.#unpictured} alerts had no pictures`);
    this.#unpictured = 0;
    this.#recentMs.push(now);
    const { id, channel } = incident;
    const { signal } = this.#stopping;
    // Started together: the clip takes the time before from this moment.
    const clip = (camera: Camera) => this.#spool(camera.name, 'clip', () => camera.clip({ channel, incident: id }, signal), id);
    const clips = cameras().map(clip);
    const running = Promise.all([this.#first(incident), ...clips]).then(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Takes pictures, then writes the record that names them and the readings before the alert. */
  async #first(incident: Incident): Promise<void> {
    const { cameras, clock, lastLines } = this.#parts;
    const alert = { channel: incident.channel, incident: incident.id };
    const readings = this.#recentReadings.all(clock.mono());
    const take = (camera: Camera) => this.#spool(camera.name, 'snapshot', () => camera.snapshot(alert), incident.id);
    const taken = await Promise.all(cameras().map(take));
    await this.#spool('record', 'log', async () => this.#record(incident, readings, taken, await lastLines()), incident.id);
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
      pictures: taken.map(({ camera, takenAtMs, why }) => ({ camera, taken_at: takenAtMs ?? null, ...(why === undefined ? {} : { why }) })),
      readings: readings.map((reading) => [reading.at, reading.channel, reading.value, ...(reading.extra ? [reading.extra] : [])]),
      log,
    };
    return { kind: 'log', contentType: 'application/json', bytes: Buffer.from(`${JSON.stringify(record)}\n`), takenAtMs: at };
  }

  /** Makes the file and puts it into the spool. Reports a failure and does not throw. */
  async #spool(camera: string, kind: UploadKind, make: () => Promise<Upload>, incident: string | null): Promise<Spooled> {
    const { uploads, log } = this.#parts;
    try {
      const upload = await make();
      if (!(await uploads.add({ ...upload, incident }))) throw new Error('uploads.max_size is used up by more important files');
      const { takenAtMs, bytes } = upload;
      log.info({ event: 'spooled', camera, kind, incident, bytes: bytes.length }, `${kind} of ${camera} waits for its upload`);
      this.#isWell(camera, kind);
      return { camera, takenAtMs, why: undefined, privacy: false };
    } catch (error) {
      const why = messageOf(error);
      const because = error instanceof AgentError ? error.fields.because : undefined;
      if (because === 'privacy' || because === 'busy') {
        log.info({ event: 'no_picture', camera, kind, incident, reason: why }, `no picture: ${why}`);
      } else {
        this.#isMissing(camera, kind, why);
      }
      return { camera, takenAtMs: undefined, why, privacy: because === 'privacy' };
    }
  }

  #isMissing(camera: string, kind: UploadKind, why: string): void {
    const key = `${kind} of ${camera}`;
    clearTimeout(this.#missing.get(key));
    this.#missing.set(key, setTimeout(() => this.#isWell(camera, kind), MISSED_FOR_MS).unref());
    this.#parts.problems.raise('pictures_missing', why, camera);
  }

  #isWell(camera: string, kind: UploadKind): void {
    const key = `${kind} of ${camera}`;
    clearTimeout(this.#missing.get(key));
    this.#missing.delete(key);
    if (!KINDS.some((each) => this.#missing.has(`${each} of ${camera}`))) this.#parts.problems.clear('pictures_missing', camera);
  }
}
