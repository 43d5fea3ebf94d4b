// Records the uploads of the robots. An announcement is idempotent by (thing, kind, sha256), across instances and for ever. An upload is
// treated as stored only once the object store has confirmed it. If the robot's `uploaded` event is lost, the cloud asks the store after
// the URL expires.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../../src/base/index.ts';
import type { Database, Sql } from '../database/index.ts';
import type { RowsMessage } from '../messages/index.ts';
import { ENCRYPTED, limitsOf, objectKey, overLimit, PICTURES, type UploadRequest } from './kinds.ts';
import { type ObjectStore, type StoredObject, URL_LIFETIME_S } from './store.ts';

const DAY_MS = 86_400_000;
/** The URL's lifetime, and time for a PUT that began before the URL expired. */
const CHECK_AFTER_MS = URL_LIFETIME_S * 1_000 + 300_000;
/** Time until the next check if the store does not answer or does not have the object yet. */
const RETRY_MS = 60_000;
/** Maximum number of uploads that one check verifies. */
const BATCH = 20;
const PICTURES_OF_AN_INCIDENT = 10;

interface UploadRow {
  readonly id: string;
  readonly thing: string;
  readonly kind: string;
  readonly sha256: string;
  readonly size: number;
  readonly content_type: string;
  readonly object_key: string;
  readonly taken_at: number;
  readonly incident: string | null;
  readonly state: 'announced' | 'stored' | 'failed';
  readonly announced_at: number;
  /** Time of the last signed URL. */
  readonly signed_at: number;
}

type Found = { readonly row: UploadRow; readonly isNew: boolean };

const COLUMNS = 'id, thing, kind, sha256, size, content_type, object_key, taken_at, incident, state, announced_at, signed_at';

const time = z.number().int();
const named = { upload_id: z.string(), object_key: z.string() };

export const announcement = z.union([
  z.object({ ...named, done: z.literal(true).describe('The store already has the object') }),
  z.object({
    ...named,
    method: z.literal('PUT'),
    url: z.string(),
    headers: z.record(z.string(), z.string()).describe('Send these headers unchanged, because they are signed'),
    expires_at: time,
  }),
]);
export type Announcement = z.infer<typeof announcement>;

export interface Refusal {
  readonly status: 409 | 413 | 429;
  readonly reason: string;
  /** Set only for status 429: seconds until the next day, or until an open upload may have ended. */
  readonly retryAfterS?: number;
}

export interface UploadsOptions {
  readonly db: Database;
  readonly store: ObjectStore;
  /** Bytes that one robot may announce in a day (UTC). */
  readonly dailyBytes: number;
  readonly nowMs?: () => number;
}

export const picture = z.object({
  upload_id: z.string(),
  kind: z.enum(PICTURES),
  taken_at: time,
  incident: z.string().nullable(),
  content_type: z.string(),
  size: z.number().int(),
  encrypted: z.boolean().describe('Whether the robot encrypted it with age for its recipients. The cloud cannot read it'),
  url: z.string().describe('Valid until expires_at'),
  expires_at: time,
});
type Picture = z.infer<typeof picture>;

interface PictureRow extends Omit<Picture, 'encrypted' | 'url' | 'expires_at'> {
  readonly object_key: string;
}

const PICTURE_COLUMNS = 'id as upload_id, kind, taken_at, incident, content_type, size, object_key';

export interface PictureQuery {
  readonly limit: number;
  readonly incident?: string | null;
  /** Returns only pictures taken before this time, and with `beforeId` also those of this time that follow that picture. */
  readonly before?: number | null;
  readonly beforeId?: string | null;
}

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #nowMs: () => number;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  async announce(thing: string, request: UploadRequest): Promise<Announcement | Refusal> {
    const nowMs = this.#nowMs();
    const object: StoredObject = {
      key: objectKey(thing, request, nowMs),
      contentType: request.content_type,
      size: request.size,
      sha256: request.sha256,
    };
    // Signs in parallel with the query, because the family is waiting for the picture. Nearly every object is new and needs this signature.
    const [found, signed] = await Promise.all([this.#rowFor(thing, request, object.key, nowMs), this.#options.store.signPut(object)]);
    if ('status' in found) return found;
    const { row, isNew } = found;
    const { id: upload_id, object_key } = row;
    if (row.state === 'stored' || (!isNew && (await this.#isStored(row)))) return { upload_id, object_key, done: true };
    const put = isNew ? signed : await this.#options.store.signPut(objectOf(row));
    return { upload_id, object_key, method: 'PUT', ...put, expires_at: nowMs + URL_LIFETIME_S * 1_000 };
  }

  /** Asks the store about the uploads that are due. @returns the number of uploads that are now stored or failed. */
  async check(): Promise<number> {
    const { db } = this.#options;
    const nowMs = this.#nowMs();
    // Postponing the next check claims these uploads for this instance.
    const due = await db.query<UploadRow>(
      `update uploads set check_at = $3 where id in (
        select id from uploads where check_at <= $1 order by check_at limit $2 for update skip locked) returning ${COLUMNS}`,
      [nowMs, BATCH, nowMs + RETRY_MS],
    );
    const verified = await Promise.all(due.map((row) => this.#verify(row, nowMs)));
    return verified.filter(Boolean).length;
  }

  /** Newest first. @param incident limits the list to the pictures of this incident. */
  async pictures(thing: string, { limit, incident = null, before = null, beforeId = null }: PictureQuery): Promise<Picture[]> {
    const rows = await this.#options.db.query<PictureRow>(
      `select ${PICTURE_COLUMNS} from uploads where thing = $1 and state = 'stored' and kind = any($2::text[])
        and ($3::text is null or incident = $3) and ($4::bigint is null or taken_at <= $4 and (taken_at < $4 or id < $5))
      order by taken_at desc, id desc limit $6`,
      [thing, PICTURES, incident, before, beforeId, limit],
    );
    return this.#signed(rows);
  }

  /** The first pictures of each incident, oldest first. They show how it began. */
  async picturesOf(thing: string, incidents: readonly string[]): Promise<Picture[]> {
    const rows = await this.#options.db.query<PictureRow>(
      `select p.* from unnest($2::text[]) as n(name) cross join lateral (
        select ${PICTURE_COLUMNS} from uploads where thing = $1 and incident = n.name and state = 'stored' and kind = any($3::text[])
        order by taken_at, id limit $4) as p`,
      [thing, incidents, PICTURES, PICTURES_OF_AN_INCIDENT],
    );
    return this.#signed(rows);
  }

  #signed(rows: readonly PictureRow[]): Promise<Picture[]> {
    const expires_at = this.#nowMs() + URL_LIFETIME_S * 1_000;
    return Promise.all(
      rows.map(async ({ object_key, ...row }) => {
        const url = await this.#options.store.signGet(object_key);
        return { ...row, encrypted: row.content_type === ENCRYPTED, url, expires_at };
      }),
    );
  }

  /** Finds or adds the row in one statement, because each round trip would delay the first picture of a fall. */
  async #rowFor(thing: string, request: UploadRequest, object_key: string, nowMs: number): Promise<Found | Refusal> {
    const { dailyBytes, db } = this.#options;
    const fresh = {
      ...request,
      id: randomUUID(),
      thing,
      object_key,
      state: 'announced',
      announced_at: nowMs,
      signed_at: nowMs,
      check_at: nowMs + CHECK_AFTER_MS,
    };
    const { dayBytes, wholeBytes, dayCount, openCount, openBytes } = limitsOf(request, dailyBytes);
    const [answer] = await db.query<{
      upload: UploadRow | null;
      is_new: boolean;
      day: number | null;
      whole: number | null;
      crowded: 'day' | 'open' | null;
    }>(
      `select case when (upload).id is not null then to_jsonb(upload) end as upload, is_new, day, whole, crowded
      from admit_upload($1::jsonb, $2, $3, $4, $5, $6, $7)`,
      [JSON.stringify(fresh), nowMs - (nowMs % DAY_MS), dayBytes, wholeBytes, dayCount, openCount, openBytes],
    );
    const nextDayS = Math.ceil((DAY_MS - (nowMs % DAY_MS)) / 1_000);
    if (answer?.crowded === 'day') {
      return { status: 429, reason: `this robot has announced its ${dayCount} uploads for today`, retryAfterS: nextDayS };
    }
    if (answer?.crowded === 'open') {
      const reason = `this robot has announced ${openCount} uploads or ${openBytes} bytes that are not stored yet; send them first, or wait until they fail`;
      return { status: 429, reason, retryAfterS: RETRY_MS / 1_000 };
    }
    const row = answer?.upload;
    if (row && row.size !== request.size) {
      return { status: 409, reason: `this hash was announced with ${row.size} bytes, so it cannot have ${request.size} bytes` };
    }
    if (row) return { row, isNew: answer.is_new };
    const refused = overLimit(request, { dayBytes: answer?.day ?? 0, wholeBytes: answer?.whole ?? 0 }, dailyBytes);
    if (!refused) throw new Error('the database returned no row');
    return { ...refused, ...(refused.status === 429 && { retryAfterS: nextDayS }) };
  }

  async #isStored(row: UploadRow): Promise<boolean> {
    const difference = await this.#options.store.verify(objectOf(row));
    if (difference === null) await this.#record(row.id, 'stored', null);
    return difference === null;
  }

  async #verify(row: UploadRow, nowMs: number): Promise<boolean> {
    let difference: string | null;
    try {
      difference = await this.#options.store.verify(objectOf(row));
    } catch (error) {
      await this.#options.db.query('update uploads set why = $2 where id = $1', [row.id, messageOf(error)]);
      return false;
    }
    if (difference === null) await this.#record(row.id, 'stored', null);
    else if (nowMs - row.signed_at >= CHECK_AFTER_MS) await this.#record(row.id, 'failed', difference);
    else return false;
    return true;
  }

  async #record(id: string, state: 'stored' | 'failed', reason: string | null): Promise<void> {
    await this.#options.db.query(
      `update uploads set state = $2, why = $3, check_at = null, stored_at = case when $2 = 'stored' then $4::bigint end
      where id = $1 and state <> 'stored'`,
      [id, state, reason, this.#nowMs()],
    );
  }
}

/** Schedules an immediate check of each upload that an event reports. Must be called in the transaction that stores the events. */
export async function claimUploads(sql: Sql, messages: readonly RowsMessage[], nowMs: number): Promise<void> {
  const claims = messages.flatMap(({ names, events }) =>
    events.flatMap(({ known }) => (known?.kind === 'uploaded' ? [{ thing: names.thing, id: known.upload_id }] : [])),
  );
  if (claims.length === 0) return;
  await sql.query(
    `update uploads u set claimed_at = coalesce(u.claimed_at, $3), check_at = $3 from unnest($1::text[], $2::text[]) as n(thing, id)
    where u.id = n.id and u.thing = n.thing and u.state <> 'stored'`,
    [claims.map(({ thing }) => thing), claims.map(({ id }) => id), nowMs],
  );
}

function objectOf({ object_key, content_type, size, sha256 }: UploadRow): StoredObject {
  return { key: object_key, contentType: content_type, size, sha256 };
}
