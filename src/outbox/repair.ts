// A damaged file is never deleted, never a reason not to start, and never replaced by an empty one without a word. It is opened
// again first, since SQLITE_CORRUPT can be a passing lie of the disk; if it is truly broken it is renamed aside, the rows that can
// be read are taken over under their own names, and the cloud is told what is lost.
import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, crashPoint, messageOf } from '../base/index.ts';
import type { EventBody } from '../wire/index.ts';
import { closedEvent, salvage, unknownTo } from './salvage.ts';
import { DamagedError, type Db, openDatabase } from './schema.ts';
import { forgetSuspicions, isCorruption, suspicions } from './suspicion.ts';

export interface Opened {
  readonly db: Db;
  /** Events that declare the lost outboxes to the cloud. */
  readonly closed: readonly EventBody[];
  /** What happened to the file, for a person; undefined if it was whole. */
  readonly damage: string | undefined;
}

export const OUTBOX_FILE = 'outbox.db';

/** A file that failed so often while its pages all looked right is not trusted again. */
const BELIEVED_FROM = 2;

/**
 * @param expected the outbox ids the file has to know, as remembered outside it; empty before the first start.
 * @param successor the id that will be opened now.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error if the disk is at fault and not the file.
 */
export function openOutboxFile(stateDir: string, maxBytes: number, expected: readonly string[], successor: string): Opened {
  const file = join(stateDir, OUTBOX_FILE);
  const mended = `${file}.mended`;
  // A kill came after the damaged file was set aside and before the repaired file was put in its place.
  if (!existsSync(file) && existsSync(mended)) renameSync(mended, file);
  const existed = existsSync(file) && statSync(file).size > 0;
  // The remaining WAL of a file that vanished must not be mixed with the new file.
  if (!existed && expected.length > 0) setAside(file);
  const lostWal = setForeignWalAside(file);
  const suspected = suspicions(stateDir);
  const first = attempt(file, maxBytes, suspected > 0);
  const { db, error } = first.db ? first : attempt(file, maxBytes, suspected > 0);
  if (db && suspected < BELIEVED_FROM) {
    const unknown = unknownTo(db, expected);
    if (unknown.length === 0) return { db, closed: [], damage: lostWal };
    const damage = existed ? `${file} does not know the outboxes ${unknown.join(', ')} that were open` : `${file} is gone, or empty`;
    return { db, closed: unknown.map((id) => closedEvent(id, null, [], successor)), damage };
  }
  db?.close();
  const closed = mend(file, mended, maxBytes, expected, successor);
  crashPoint('salvage_built');
  const aside = setAside(file);
  crashPoint('salvage_set_aside');
  renameSync(mended, file);
  crashPoint('salvage_done');
  forgetSuspicions(stateDir);
  const why = db ? 'it failed while in use, again' : messageOf(error);
  return { db: openDatabase(file, maxBytes), closed, damage: `${file}: ${why}; it was set aside as ${aside}` };
}

/** Copies the readable content of the damaged file into a new file beside it. Nothing is moved before that: a kill does no harm. */
function mend(file: string, mended: string, maxBytes: number, expected: readonly string[], successor: string): EventBody[] {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${mended}${suffix}`, { force: true });
  const fresh = openDatabase(mended, maxBytes);
  try {
    return salvage(file, fresh, expected, successor);
  } finally {
    fresh.close();
  }
}

function attempt(file: string, maxBytes: number, thoroughly: boolean): { db?: Db; error?: unknown } {
  try {
    return { db: openDatabase(file, maxBytes, thoroughly) };
  } catch (error) {
    if (isDamage(error, file)) return { error };
    throw error;
  }
}

function isDamage(error: unknown, file: string): boolean {
  if (error instanceof DamagedError || isCorruption(error)) return true;
  const code = codeOf(error) ?? '';
  // A header that promises a format no SQLite has.
  if (code === 'SQLITE_ERROR') return /file format|malformed/.test(messageOf(error));
  return code.startsWith('SQLITE_CANTOPEN') && existsSync(file) && statSync(file).isDirectory();
}

/** First bytes of a WAL, in either byte order of its checksums (SQLite's file format, 4.1). */
const WAL_MAGIC = [0x377f0682, 0x377f0683];
const WAL_HEADER_BYTES = 32;

/** SQLite writes over a WAL whose header it does not know: the frames behind it are kept for a person. @returns what happened. */
function setForeignWalAside(file: string): string | undefined {
  const wal = `${file}-wal`;
  if (!existsSync(wal) || statSync(wal).size <= WAL_HEADER_BYTES) return undefined;
  const descriptor = openSync(wal, 'r');
  const header = Buffer.alloc(4);
  try {
    readSync(descriptor, header, 0, 4, 0);
  } finally {
    closeSync(descriptor);
  }
  if (WAL_MAGIC.includes(header.readUInt32BE())) return undefined;
  const aside = `${freeName(file)}-wal`;
  renameSync(wal, aside);
  return `${wal} does not begin as a WAL does; it was set aside as ${aside}`;
}

function freeName(file: string): string {
  for (let n = 1; ; n++) {
    const name = `${file}.damaged-${n}`;
    if (['', '-wal'].every((suffix) => !existsSync(`${name}${suffix}`))) return name;
  }
}

/** With its WAL, so that what it held can still be read. @returns the new name. */
function setAside(file: string): string {
  const aside = freeName(file);
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}
