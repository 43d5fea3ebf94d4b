// Kinds of damage to the files of an outbox whose agent is dead. Each has a description. Random parts are seeded.
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import { classNumber } from '../../src/outbox/rows.ts';
import type { Random } from './random.ts';

const PAGE = 4_096;
const HEADER = 100;

export interface Damage {
  readonly name: string;
  /** Whether a checkpoint comes first. Without it the WAL would undo the damage. */
  readonly checkpointed: boolean;
  readonly apply: (file: string, random: Random) => void;
  /** The required text of the refusal, if the agent must refuse to start. */
  readonly refusal?: RegExp;
  /** Whether the damage removes the rows' file, so that nothing can be set aside. */
  readonly removesWal?: boolean;
  /** Whether the end of the WAL is torn. SQLite treats that as a commit that never happened. */
  readonly tornWal?: boolean;
}

const damage = (name: string, apply: Damage['apply'], checkpointed = true): Damage => ({ name, checkpointed, apply });
const inWal = (name: string, apply: (wal: string, random: Random) => void): Damage =>
  damage(name, (file, random) => apply(`${file}-wal`, random), false);

export const DAMAGES: readonly Damage[] = [
  damage('nothing (the control)', () => {}, false),
  damage('database removed, WAL left', (file) => rmSync(file), false),
  { ...damage('database and WAL removed', removeAll, false), removesWal: true },
  damage('database of no bytes', (file) => truncateSync(file, 0)),
  damage('database of no bytes, WAL left', (file) => truncateSync(file, 0), false),
  damage('cut to half a header', (file) => truncateSync(file, 50)),
  damage('cut to its header', (file) => truncateSync(file, HEADER)),
  damage('cut to one page', (file) => truncateSync(file, PAGE)),
  damage('cut to a quarter', (file) => truncateSync(file, pages(file, 0.25) * PAGE)),
  damage('cut to half', (file) => truncateSync(file, pages(file, 0.5) * PAGE)),
  damage('last page gone', (file) => truncateSync(file, statSync(file).size - PAGE)),
  damage('cut within a page', (file) => truncateSync(file, statSync(file).size - PAGE / 2)),
  damage('header zeroed', (file) => overwrite(file, 0, Buffer.alloc(HEADER))),
  damage('magic zeroed', (file) => overwrite(file, 0, Buffer.alloc(16))),
  damage('page size in the header changed', (file) => overwrite(file, 16, Buffer.from([0x20, 0]))),
  { ...damage('newer user_version', (file) => overwrite(file, 60, Buffer.from([0, 0, 0x27, 0x0f]))), refusal: /written by a newer/ },
  damage('schema page zeroed', (file) => overwrite(file, 0, Buffer.alloc(PAGE))),
  damage('second page zeroed', (file) => overwrite(file, PAGE, Buffer.alloc(PAGE))),
  damage('a page zeroed', (file, random) => overwrite(file, somePage(file, random), Buffer.alloc(PAGE))),
  damage('every third page zeroed', (file) => everyThird(file, () => Buffer.alloc(PAGE))),
  damage('a page of noise', (file, random) => overwrite(file, somePage(file, random), noise(PAGE, random))),
  damage('a bit flipped in the schema', (file, random) => flip(file, random.between(HEADER, PAGE - 1))),
  damage('a bit flipped', (file, random) => flip(file, random.between(PAGE, statSync(file).size - 1))),
  damage('a hundred bits flipped', (file, random) => {
    for (let i = 0; i < 100; i++) flip(file, random.between(PAGE, statSync(file).size - 1));
  }),
  damage('a text file in its place', (file) => writeFileSync(file, 'this is no database\n'.repeat(1_000))),
  damage('another SQLite database in its place', foreign),
  damage('a directory in its place', (file) => {
    removeAll(file);
    mkdirSync(file);
  }),
  { ...inWal('WAL removed', (wal) => rmSync(wal, { force: true })), removesWal: true },
  { ...inWal('WAL cut to half', (wal) => truncateSync(wal, Math.floor(statSync(wal).size / 2))), tornWal: true },
  inWal('WAL header zeroed', (wal) => overwrite(wal, 0, Buffer.alloc(32))),
  { ...inWal('a bit flipped in the WAL', (wal, random) => flip(wal, random.between(32, statSync(wal).size - 1))), tornWal: true },
  damage('shared-memory file of noise', (file, random) => writeFileSync(`${file}-shm`, noise(32_768, random)), false),
];

/** Checkpoints the WAL into the database, as a clean stop does. */
export function checkpoint(file: string): void {
  const db = new Database(file);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

function removeAll(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
}

function foreign(file: string): void {
  removeAll(file);
  const db = new Database(file);
  db.exec(`create table songs (name text); insert into songs values ('one'), ('two')`);
  db.close();
}

function pages(file: string, share: number): number {
  return Math.max(1, Math.floor((statSync(file).size / PAGE) * share));
}

function somePage(file: string, random: Random): number {
  return random.between(1, statSync(file).size / PAGE - 1) * PAGE;
}

function everyThird(file: string, content: () => Buffer): void {
  for (let at = 2 * PAGE; at + PAGE <= statSync(file).size; at += 3 * PAGE) overwrite(file, at, content());
}

function noise(bytes: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => random.between(0, 255)));
}

function flip(file: string, at: number): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
}

function overwrite(file: string, at: number, content: Buffer): void {
  const descriptor = openSync(file, 'r+');
  const size = statSync(file).size;
  writeSync(descriptor, content, 0, content.length, at);
  if (at + content.length > size) ftruncateSync(descriptor, size);
  closeSync(descriptor);
}

interface DamagedRow {
  readonly id: string;
  readonly seq: number;
  readonly class: number;
  readonly body: string;
}

const ALERT = classNumber('alert');
const TELEMETRY = classNumber('telemetry');

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Names of the rows that SQLite can read whole, from the front and from the back, including the WAL. Rows with invalid text do not count.
 */
export function readableRows(file: string): Set<string> {
  const found = new Set<string>();
  if (!existsSync(file)) return found;
  for (const order of ['asc', 'desc']) {
    try {
      const db = new Database(file);
      try {
        const rows = db.prepare(
          `select o.id, r.* from rows r join outboxes o on o.ordinal = r.outbox order by r.class ${order}, r.outbox ${order}, r.seq ${order}`,
        );
        for (const { id, seq, class: rowClass, body } of rows.iterate() as Iterable<DamagedRow>) {
          if (isJson(rowClass === ALERT || rowClass === TELEMETRY ? `[${body}]` : `{${body}}`)) found.add(`${id}/${seq}`);
        }
      } finally {
        db.close();
      }
    } catch {
      // The rows before the damaged page count.
    }
  }
  return found;
}
