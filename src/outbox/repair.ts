// Opens the outbox file and repairs it if it is damaged. A damaged file is never deleted, and never keeps the agent from starting.
// SQLITE_CORRUPT can be a transient disk error, so opening is tried twice. If the second attempt fails too, the readable rows are copied to
// a new file with their outbox ids and numbers unchanged, the old file is renamed, and the lost rows are declared to the cloud.
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, crashPoint, messageOf, replaceFile } from '../base/index.ts';
import type { EventBody, Ranges } from '../wire/index.ts';
import { type Carried, carry } from './carry.ts';
import { freeName, removeDatabase, setAside } from './databaseFiles.ts';
import { markIncomplete } from './journalGap.ts';
import { closedEvent, salvage, unknownTo } from './salvage.ts';
import { DamagedError, type Db, openDatabase } from './schema.ts';

interface Opened {
  readonly db: Db;
  /** Events that declare the lost outboxes to the cloud. */
  readonly closed: readonly EventBody[];
  /** Describes the damage, for the log; undefined if there was no damage. */
  readonly damage: string | undefined;
}

/** Facts about the rows that the file should contain. */
interface Known {
  /** A file whose content is carried into this one. */
  readonly carried?: Carried | undefined;
  /** Returns how many rows an outbox had accepted at least; 0 if unknown. */
  readonly acceptedBy?: (id: string) => number;
}

export const OUTBOX_FILE = 'outbox.db';

/** A complete new file, which a start uses if it finds no outbox file. */
export const MENDED = `${OUTBOX_FILE}.mended`;
/** The file that a restoration writes. It is worthless until it is renamed to {@link MENDED}. */
export const RESTORING = `${OUTBOX_FILE}.restoring`;

/** The ending of a damaged file that was set aside. */
const DAMAGED = 'damaged';

/** A file that has been suspected this many times is replaced even if its pages pass the check. */
const REPLACED_FROM = 2;

/**
 * @param expected the outbox ids that the file must contain; empty on the first run.
 * @param successor the id of the outbox that is about to be opened.
 * @throws AgentError OUTBOX_NEWER, OUTBOX_UNWRITABLE; SQLite's error if the fault is the disk's rather than the file's.
 */
export function openOutboxFile(
  stateDir: string,
  maxBytes: number,
  expected: readonly string[],
  successor: string,
  known: Known = {},
): Opened {
  const file = join(stateDir, OUTBOX_FILE);
  const mended = join(stateDir, MENDED);
  finishReplacement(stateDir);
  const existed = existsSync(file) && statSync(file).size > 0;
  // If the database file is gone, its WAL may still be there, and SQLite must not apply it to a new file.
  if (!existed && expected.length > 0) setAside(file, DAMAGED);
  const lostWal = setForeignWalAside(file);
  const suspicions = readSuspicions(stateDir).split('\n').length - 1;
  const first = attempt(file, maxBytes, suspicions > 0);
  const { db, error } = first.db ? first : attempt(file, maxBytes, suspicions > 0);
  if (db && suspicions < REPLACED_FROM) {
    // The file is new, or an older copy: it lacks commands, too.
    if (unknownTo(db, expected).length > 0) markIncomplete(db);
    const { closed, unknown } = complete(db, expected, successor, known);
    if (unknown.length === 0) return { db, closed, damage: lostWal };
    const damage = existed ? `${file} does not contain the outboxes ${unknown.join(', ')}, which were open` : `${file} is missing or empty`;
    return { db, closed, damage };
  }
  db?.close();
  const closed = mend(file, mended, maxBytes, expected, successor, known);
  crashPoint('salvage_built');
  const aside = setAside(file, DAMAGED);
  crashPoint('salvage_set_aside');
  renameSync(mended, file);
  crashPoint('salvage_done');
  rmSync(suspicionFile(stateDir), { force: true });
  const reason = db ? 'it failed again while in use' : messageOf(error);
  return { db: openDatabase(file, maxBytes), closed, damage: `${file}: ${reason}; it was set aside as ${aside}` };
}

/**
 * If a kill interrupted the replacement of a file, finishes it: the old file was already renamed, perhaps without its WAL, the new one not
 * yet. If the old file is still there, the new one was never used, and must not come back later.
 */
function finishReplacement(stateDir: string): void {
  const file = join(stateDir, OUTBOX_FILE);
  const mended = join(stateDir, MENDED);
  if (!existsSync(file) && existsSync(mended)) {
    if (existsSync(`${file}-wal`)) setAside(file, DAMAGED);
    renameSync(mended, file);
  }
  for (const name of [MENDED, RESTORING]) removeDatabase(join(stateDir, name));
}

/** Carries the rows of `carried` into the file. @returns the outboxes that the file lacks even so, and the events that declare all losses. */
function complete(
  db: Db,
  expected: readonly string[],
  successor: string,
  { carried, acceptedBy = () => 0 }: Known,
): { readonly closed: EventBody[]; readonly unknown: string[] } {
  const closed = carried ? carry(db, carried, successor) : [];
  const unknown = unknownTo(db, expected);
  // Any of these rows may be missing at the cloud, which counts a row as lost only if its database does not get it.
  const lostOf = (id: string): Ranges => (acceptedBy(id) > 0 ? [[1, acceptedBy(id)]] : []);
  return { closed: [...closed, ...unknown.map((id) => closedEvent(id, null, lostOf(id), successor))], unknown };
}

function suspicionFile(stateDir: string): string {
  return join(stateDir, 'outbox.suspect');
}

function readSuspicions(stateDir: string): string {
  try {
    return readFileSync(suspicionFile(stateDir), 'utf8');
  } catch {
    return '';
  }
}

/**
 * Durably records that the outbox file failed while in use. The next opening checks every page, and after a second record it replaces the
 * file.
 * @param reason describes the failure, for anyone who investigates it.
 */
export function suspect(stateDir: string, reason: string): void {
  replaceFile(suspicionFile(stateDir), `${readSuspicions(stateDir)}${reason.replaceAll('\n', ' ')}\n`);
}

/** Whether the error means that the file has a malformed or missing page, or is not a database at all. */
export function isCorruption(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_IOERR_SHORT_READ'].some((each) => code.startsWith(each));
}

/** Copies whatever is readable in the damaged file to a new file next to it. The damaged file stays in place, so a kill does no harm. */
function mend(file: string, mended: string, maxBytes: number, expected: readonly string[], successor: string, known: Known): EventBody[] {
  removeDatabase(mended);
  const fresh = openDatabase(mended, maxBytes);
  try {
    markIncomplete(fresh);
    return [...salvage(file, fresh, successor), ...complete(fresh, expected, successor, known).closed];
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
  // SQLite reports an impossible format number in the header as a plain SQLITE_ERROR, so only the message identifies it.
  if (code === 'SQLITE_ERROR') return /file format|malformed/.test(messageOf(error));
  return code.startsWith('SQLITE_CANTOPEN') && existsSync(file) && statSync(file).isDirectory();
}

/** The first four bytes of a WAL: the last bit gives its checksums' byte order (section 4.1 of SQLite's file format). */
const WAL_MAGIC = [0x377f0682, 0x377f0683];
const WAL_HEADER_BYTES = 32;

/**
 * Renames a WAL whose header is not valid. SQLite would ignore and overwrite it, but its frames may help to find the cause.
 * @returns a description for the log; undefined if no WAL was renamed.
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
  const aside = `${freeName(file, DAMAGED)}-wal`;
  renameSync(wal, aside);
  return `${wal} does not begin like a WAL; it was set aside as ${aside}`;
}
