// COPY FROM STDIN on a PostgreSQL server: the rows as text, in pieces.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from } from 'pg-copy-streams';

/**
 * @param pieces whole lines of COPY's text format, made while the server stores the lines before them.
 * @throws the server's error, or the error that making a piece threw. The transaction can then only be rolled back.
 */
export async function copyIn(client: pg.PoolClient, statement: string, pieces: Iterable<string>): Promise<void> {
  await pipeline(Readable.from(pieces), client.query(from(statement)));
}

/** One value in COPY's text format. */
export function copyCell(value: string | number | null): string {
  if (value === null) return '\\N';
  if (typeof value === 'number') return String(value);
  return SPECIAL.test(value) ? value.replace(SPECIAL_ALL, escapeOf) : value;
}

const SPECIAL = /[\\\t\n\r]/;
const SPECIAL_ALL = /[\\\t\n\r]/g;

function escapeOf(character: string): string {
  if (character === '\t') return '\\t';
  if (character === '\n') return '\\n';
  return character === '\r' ? '\\r' : '\\\\';
}
