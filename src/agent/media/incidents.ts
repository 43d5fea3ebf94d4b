// What the family sees of an alert: a picture of each camera at once, the readings of the last minute beside it, and a clip of what was
// before and after, all under the incident that the alert's row carries. None of it is on the alert's way: it begins when that is out.

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
  /** As they are now. */
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

/** What became of one picture, or of the record. */
interface Spooled {
  readonly camera: string;
  readonly takenAtMs: number | undefined;
  readonly why: string | undefined;
  readonly privacy: boolean;
}

/** What is remembered for the record of an incident. */
const RECORD = { ms: 60_000, readingsPerChannel: 600 };

const KINDS = ['snapshot', 'clip', 'log'] as const satisfies readonly UploadKind[];

/** A sensor that flaps must not fill the disk with pictures: the alerts beyond are told as ever, without any. */
const MAX_PER_MINUTE = 12;

/** Where no alert comes that could show it is well again, a picture that was missed is a problem for so long, as an unasked end is. */
const MISSED_FOR_MS = 10 * 60_000;

export class Incidents {
  readonly #parts: IncidentParts;
  readonly #recentReadings = new RecentReadings(RECORD);
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #recentMs: number[] = [];
  #unpictured = 0;
  /** Which kinds of which camera failed the last time: a snapshot that is well does not mean that clips are. */
  readonly #missing = new Map<string, NodeJS.Timeout>();

  constructor(parts: IncidentParts) {
    this.#parts = parts;
  }

  /** A row was written. Quick, since an alert may be on its way out. */
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

  /** A picture without an alert. @param name one camera; undefined: all. @param patienceMs left out: a person waits for it. */
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

  /** Clips end with what they have. Resolves when all is spooled. */
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
        log.warn({ event: 'alert_pictures_paused', channel: incident.channel }, 'alerts come too fast for pictures of each');
      return;
    }
    if (this.#unpictured > 0)
      log.info({ event: 'alert_pictures_resumed', without: this.#unpictured }, `${this.#unpictured} alerts had no pictures`);
    this.#unpictured = 0;
    this.#recentMs.push(now);
    const { id, channel } = incident;
    const { signal } = this.#stopping;
    // Begun together: the clip takes what was before from this moment.
    const clip = (camera: Camera) => this.#spool(camera.name, 'clip', () => camera.clip({ channel, incident: id }, signal), id);
    const clips = cameras().map(clip);
    const running = Promise.all([this.#first(incident), ...clips]).then(() => {
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  /** Pictures of now, and then the record that names them, with what led to it. */
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

  /** Makes it and puts it into the spool. What goes wrong is said, and ends here. */
  async #spool(camera: string, kind: UploadKind, make: () => Promise<Upload>, incident: string | null): Promise<Spooled> {
    const { uploads, log } = this.#parts;
    try {
      const upload = await make();
      if (!(await uploads.add({ ...upload, incident }))) throw new Error('uploads.max_size is used up by what is worth more');
      const { takenAtMs, bytes } = upload;
      log.info({ event: 'spooled', camera, kind, incident, bytes: bytes.length }, `${kind} of ${camera}: it waits for its upload`);
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
