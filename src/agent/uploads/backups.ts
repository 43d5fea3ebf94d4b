// Makes scheduled backups of the outbox, the command journal and the configuration. Each backup stays on the robot and is also uploaded in
// slices.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, wait } from '../../base/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import { BACKUP_TYP, signStatement } from '../../identity/index.ts';
import { backupsFolder, backupsIn, makeBackup, type Notes } from '../../outbox/index.ts';
import { LIFETIME_FILE } from '../../state/index.ts';
import { SLICE_BYTES, type Slice, Slices } from '../../uploads/index.ts';
import { VERSION } from '../../version.ts';
import type { Parts } from '../lifecycle/parts.ts';

/** If `uploads` is undefined, backups only stay on the robot. */
export interface BackupParts extends Pick<Parts, 'db' | 'storage' | 'uploads' | 'credentials' | 'clock' | 'log'> {
  /** @returns the configuration in use. */
  readonly current: () => LoadedConfig;
  readonly notes: Notes;
}

/** At most this many slices may wait in the spool at a time, so that an offline robot's backup cannot evict images. */
const WAITING_SLICES = 2;
const RETRY_MS = 10_000;

const position = z.object({ backup: z.string(), offset: z.int().min(0) });

export class Backups {
  readonly #parts: BackupParts;
  readonly #folder: string;
  readonly #slices: Slices;
  readonly #stopping = new AbortController();
  #making: Promise<unknown> = Promise.resolve();
  #sending: Promise<void> | undefined;

  constructor(parts: BackupParts) {
    const { storage, notes, clock, uploads } = parts;
    this.#parts = parts;
    this.#folder = backupsFolder(storage.folder);
    this.#slices = new Slices({
      kind: 'backup',
      notes,
      nowMs: () => clock.wall(),
      add: async (upload, within) => {
        for (const { signal } = this.#stopping; !signal.aborted; await wait(RETRY_MS, signal)) {
          if (uploads && uploads.waitingOf('backup') < WAITING_SLICES && (await uploads.add(upload, within))) return true;
        }
        return false;
      },
    });
  }

  /** Continues an interrupted upload. */
  start(): void {
    this.#send();
  }

  /** @throws AgentError BACKUP_NO_ROOM, or the file system's error. */
  async make(): Promise<void> {
    const { current, storage, credentials, db, clock, log } = this.#parts;
    const { config, text } = current();
    const lifetime = join(storage.folder, LIFETIME_FILE);
    const about = {
      thing: config.thing,
      version: VERSION,
      taken_at: String(clock.wall()),
      configuration: text(),
      lifetime: existsSync(lifetime) ? readFileSync(lifetime, 'utf8') : '',
    };
    const { signal } = this.#stopping;
    const making = makeBackup({
      db,
      stateDir: storage.folder,
      about,
      nowMs: clock.wall(),
      keep: config.backups.keep,
      recipients: config.uploads.recipients,
      sign: (content) => signStatement(credentials, BACKUP_TYP, { iss: config.thing, ...content }),
      signal,
    });
    this.#making = making.catch(() => {});
    const name = await making;
    log.info({ event: 'backup_made', backup: name, bytes: statSync(join(this.#folder, name)).size }, 'a backup of the outbox was made');
    this.#send();
  }

  /** Cancels a backup in progress. An interrupted upload continues at the next startup. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#making;
    await this.#sending;
  }

  /** Spools the newest backup from where its upload stopped. An older backup's unfinished upload is abandoned. */
  #send(): void {
    if (!this.#parts.uploads || this.#sending !== undefined) return;
    const newest = backupsIn(this.#folder).at(-1);
    const known = position.safeParse(this.#slices.position).data;
    if (newest === undefined || (known?.backup === newest && !this.#slices.isOpen)) return;
    if (known?.backup !== newest) this.#slices.restart({ backup: newest, offset: 0 });
    const { log } = this.#parts;
    this.#sending = this.#slices
      .send(newest, (from) => cut(this.#folder, from))
      .then(({ whole }) => {
        if (whole) log.info({ event: 'backup_spooled', backup: newest }, 'the backup waits for its upload');
      })
      .catch((error: unknown) => log.error({ event: 'backup_not_spooled' }, `the backup could not be spooled: ${messageOf(error)}`))
      .finally(() => {
        this.#sending = undefined;
        if (backupsIn(this.#folder).at(-1) !== newest && !this.#stopping.signal.aborted) this.#send();
      });
  }
}

async function* cut(folder: string, from: unknown): AsyncGenerator<Slice> {
  const { backup, offset: start } = position.parse(from);
  const path = join(folder, backup);
  const { size } = statSync(path);
  const file = openSync(path, 'r');
  try {
    for (let offset = start; offset < size; ) {
      const bytes = Buffer.alloc(Math.min(SLICE_BYTES, size - offset));
      readSync(file, bytes, 0, bytes.length, offset);
      const about = { offset };
      offset += bytes.length;
      yield { bytes, next: { backup, offset }, isLast: offset === size, about };
    }
  } finally {
    closeSync(file);
  }
}
