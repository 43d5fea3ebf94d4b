// Reads the second ledger: the rows in the outbox file of a dead agent. It reads a copy, because opening a WAL database recovers and
// checkpoints it.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ReadingValue } from '../../src/wire/index.ts';
import type { Row } from './account.ts';

export interface OutboxFile {
  /** The result of SQLite's integrity check: `ok` for a sound file. */
  readonly integrity: string;
  /** The highest assigned number by outbox id. */
  readonly accepted: ReadonlyMap<string, number>;
  readonly rows: readonly Row[];
}

const FILE = 'outbox.db';
const EMPTY: OutboxFile = { integrity: 'ok', accepted: new Map(), rows: [] };

/** @param stateDir of an agent that does not run. A missing file is an empty ledger. */
export function readOutboxFile(stateDir: string): OutboxFile {
  if (!existsSync(join(stateDir, FILE))) return EMPTY;
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-copy-'));
  try {
    for (const suffix of ['', '-wal']) {
      if (existsSync(join(stateDir, FILE + suffix))) copyFileSync(join(stateDir, FILE + suffix), join(folder, FILE + suffix));
    }
    return readCopy(join(folder, FILE));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readCopy(file: string): OutboxFile {
  const db = new Database(file);
  try {
    if (db.pragma('user_version', { simple: true }) === 0) return EMPTY;
    const integrity = String(db.pragma('integrity_check', { simple: true }));
    const outboxes = db.prepare('select id, accepted from outboxes').all() as { id: string; accepted: number }[];
    const rows = db
      .prepare('select o.id as outbox, r.seq, r.channel, r.body from rows r join outboxes o on o.ordinal = r.outbox')
      .all() as { outbox: string; seq: number; channel: string; body: string }[];
    return {
      integrity,
      accepted: new Map(outboxes.map(({ id, accepted }) => [id, accepted])),
      rows: rows.map(({ outbox, seq, channel, body }) => ({ outbox, seq, content: contentOf(channel, body) })),
    };
  } finally {
    db.close();
  }
}

function contentOf(channel: string, body: string): string {
  if (channel === '') return '';
  const [value] = JSON.parse(`[${body}]`) as [ReadingValue];
  return readingContent(channel, value);
}

/** The text of a reading in both ledgers. */
export function readingContent(channel: string, value: ReadingValue): string {
  return `${channel}=${JSON.stringify(value)}`;
}
