// Opens the outbox file and repairs it if it is damaged. A damaged file is never deleted and never prevents a start. SQLITE_CORRUPT can be
// a transient error of the disk, so the file is opened a second time. If that fails too, the file is renamed, its readable rows are copied
// under their own names, and the cloud is notified of the lost rows.
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, crashPoint, messageOf, replaceFile } from '../base/index.ts';
import type { EventBody } from '../wire/index.ts';
import { closedEvent, salvage, unknownTo } from './salvage.ts';
import { DamagedError, type Db, openDatabase } from './schema.ts';

interface Opened {
  readonly db: Db;
  /** Events that declare the lost outboxes to the cloud. */
  readonly closed: readonly EventBody[];
  /** A report of the damage, for a person; undefined if there was no damage. */
  readonly damage: string | undefined;
}

export const OUTBOX_FILE = 'outbox.db';

/** After this many suspicions a file is replaced even if all its pages look correct. */
const REPLACED_FROM = 2;

/**
 * @param expected the outbox ids that the file has to know; empty before the first start.
 * @param successor the id of the outbox to open now.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error if the disk is at fault and not the file.
 */
export function openOutboxFile(stateDir: string, maxBytes: number, expected: readonly string[], successor: string): Opened {
  const file = join(stateDir, OUTBOX_FILE);
  const mended = `${file}.mended`;
  // A kill interrupted the replacement of the damaged file by the repaired file.
  if (!existsSync(file) && existsSync(mended)) renameSync(mended, file);
  const existed = existsSync(file) && statSync(file).size > 0;
  // The remaining WAL of a file that vanished must not be mixed with the new file.
  if (!existed && expected.length > 0) setAside(file);
  const lostWal = setForeignWalAside(file);
  const suspicions = readSuspicions(stateDir).split('\n').length - 1;
  const first = attempt(file, maxBytes, suspicions > 0);
  const { db, error } = first.db ? first : attempt(file, maxBytes, suspicions > 0);
  if (db && suspicions < REPLACED_FROM) {
    const unknown = unknownTo(db, expected);
    if (unknown.length === 0) return { db, closed: [], damage: lostWal };
    const damage = existed ? `${file} does not contain the outboxes ${unknown.join(', ')}, which were open` : `${file} is missing or empty`;
    return { db, closed: unknown.map((id) => closedEvent(id, null, [], successor)), damage };
  }
  db?.close();
  const closed = mend(file, mended, maxBytes, expected, successor);
  crashPoint('salvage_built');
  const aside = setAside(file);
  crashPoint('salvage_set_aside');
  renameSync(mended, file);
  crashPoint('salvage_done');
  rmSync(suspicionFile(stateDir), { force: true });
  const reason = db ? 'it failed again while in use' : messageOf(error);
  return { db: openDatabase(file, maxBytes), closed, damage: `${file}: ${reason}; it was set aside as ${aside}` };
}

function suspicionFile(stateDir: string): string {
  return join(stateDir, 'outbox.suspect');
}

/** @returns one line per suspicion. */
function readSuspicions(stateDir: string): string {
  try {
    return readFileSync(suspicionFile(stateDir), 'utf8');
  } catch {
    return '';
  }
}

/**
 * Records that the outbox file failed while in use. The next opening then checks every page, and a second record replaces the file. The
 * record is durable when this returns.
 * @param reason one line for a person.
 */
export function suspect(stateDir: string, reason: string): void {
  replaceFile(suspicionFile(stateDir), `${readSuspicions(stateDir)}${reason.replaceAll('\n', ' ')}\n`);
}

/** Whether SQLite found a page with impossible content, or a missing page. */
export function isCorruption(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'].some((each) => code.startsWith(each));
}

/** Copies the readable content of the damaged file into a new file beside it. Moves no file, so that a kill does no harm. */
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
  // The header names a file format that no SQLite has.
  if (code === 'SQLITE_ERROR') return /file format|malformed/.test(messageOf(error));
  return code.startsWith('SQLITE_CANTOPEN') && existsSync(file) && statSync(file).isDirectory();
}

/** First bytes of a WAL, in either byte order of its checksums (SQLite's file format, 4.1). */
const WAL_MAGIC = [0x377f0682, 0x377f0683];
const WAL_HEADER_BYTES = 32;

/**
 * Keeps the frames of a WAL with an unknown header for a person to examine, because SQLite would overwrite that WAL.
 * @returns a report for a person; undefined if the header is valid.
 */
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
  return `${wal} does not begin like a WAL; it was set aside as ${aside}`;
}

function freeName(file: string): string {
  for (let n = 1; ; n++) {
    const name = `${file}.damaged-${n}`;
    if (['', '-wal'].every((suffix) => !existsSync(`${name}${suffix}`))) return name;
  }
}

/** Renames a file together with its WAL, so that its content stays readable. @returns the new name. */
function setAside(file: string): string {
  const aside = freeName(file);
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}
