// A backup of the outbox and the command journal with the configuration, by schedule: kept on the robot, and in slices to the cloud.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { messageOf, wait } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { LoadedConfig } from '../../config/index.ts';
import type { Logger } from '../../logs/index.ts';
import { backupsFolder, backupsIn, type Db, makeBackup, type Notes } from '../../outbox/index.ts';
import { LIFETIME_FILE } from '../../state/index.ts';
import { SLICE_BYTES, type Slice, Slices } from '../../uploads/index.ts';
import { VERSION } from '../../version.ts';
import type { RunningUploads } from './uploads.ts';

export interface BackupParts {
  /** As it is now. */
  readonly loaded: () => LoadedConfig;
  readonly db: Db;
  readonly notes: Notes;
  /** Undefined if nothing is uploaded: the backup then stays on the robot. */
  readonly uploads: RunningUploads | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Slices of it that wait at once: a backup must not push pictures out, however long the robot is offline. */
const WAITING_SLICES = 2;
const LOOK_AGAIN_MS = 10_000;

const position = z.object({ backup: z.string(), offset: z.int().min(0) });

export class Backups {
  readonly #parts: BackupParts;
  readonly #folder: string;
  readonly #slices: Slices;
  readonly #stopping = new AbortController();
  #making: Promise<unknown> = Promise.resolve();
  #sending: Promise<void> | undefined;

  constructor(parts: BackupParts) {
    const { notes, clock, uploads } = parts;
    this.#parts = parts;
    this.#folder = backupsFolder(parts.loaded().config.state_dir);
    this.#slices = new Slices({
      kind: 'backup',
      notes,
      nowMs: () => clock.wall(),
      add: async (upload, within) => {
        for (const { signal } = this.#stopping; !signal.aborted; await wait(LOOK_AGAIN_MS, signal)) {
          if (uploads && uploads.waitingOf('backup') < WAITING_SLICES && (await uploads.add(upload, within))) return true;
        }
        return false;
      },
    });
  }

  /** Sends on what an end cut off. */
  start(): void {
    this.#send();
  }

  /** @throws AgentError BACKUP_NO_ROOM, or the disk's error. */
  async make(): Promise<void> {
    const { loaded, db, clock, log } = this.#parts;
    const { config, text } = loaded();
    const lifetime = join(config.state_dir, LIFETIME_FILE);
    const about = {
      thing: config.thing,
      version: VERSION,
      taken_at: String(clock.wall()),
      configuration: text(),
      lifetime: existsSync(lifetime) ? readFileSync(lifetime, 'utf8') : '',
    };
    const { signal } = this.#stopping;
    const making = makeBackup({ db, stateDir: config.state_dir, about, nowMs: clock.wall(), keep: config.backups.keep, signal });
    this.#making = making.catch(() => {});
    const name = await making;
    log.info({ event: 'backup_made', backup: name, bytes: statSync(join(this.#folder, name)).size }, 'a backup of the outbox was made');
    this.#send();
  }

  /** A backup that is being made is given up; what is being sent goes on with the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#making;
    await this.#sending;
  }

  /** The newest backup, from where it is sent up to. One that was being sent when a newer one was made is given up. */
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
        if (whole) log.info({ event: 'backup_spooled', backup: newest }, 'the backup was handed over for its upload');
      })
      .catch((error: unknown) => log.error({ event: 'backup_not_spooled' }, `the backup could not be handed over: ${messageOf(error)}`))
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
