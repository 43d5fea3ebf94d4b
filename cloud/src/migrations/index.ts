// Lists all migrations in order. A released migration is never changed; a correction is a new migration. A migration only adds what earlier
// programs may ignore, so that instances of both versions run beside each other. A later version removes superfluous parts.
import { adopt } from './0000-adopt.ts';
import { schema } from './0001-schema.ts';
import { occurrences } from './0002-occurrences.ts';
import { channels } from './0003-channels.ts';
import { flapping } from './0004-flapping.ts';
import { wideIds } from './0005-wideIds.ts';
import { poison } from './0006-poison.ts';
import { bindings } from './0007-bindings.ts';
import { keys } from './0008-keys.ts';
import { canary } from './0011-canary.ts';
import { poisonCounts } from './0012-poisonCounts.ts';
import { origin } from './0013-origin.ts';
import { uploadBounds } from './0014-uploadBounds.ts';
import { tables } from './0015-tables.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  /** Programs that do not know this migration must not use the database. */
  readonly isBreaking?: boolean;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 0, name: 'adopt', sql: adopt },
  { number: 1, name: 'schema', sql: schema },
  { number: 2, name: 'occurrences', sql: occurrences },
  { number: 3, name: 'channels', sql: channels },
  { number: 4, name: 'flapping', sql: flapping },
  { number: 5, name: 'wideIds', sql: wideIds },
  { number: 6, name: 'poison', sql: poison },
  { number: 7, name: 'bindings', sql: bindings },
  { number: 8, name: 'keys', sql: keys },
  { number: 11, name: 'canary', sql: canary },
  { number: 12, name: 'poisonCounts', sql: poisonCounts },
  { number: 13, name: 'origin', sql: origin },
  { number: 14, name: 'uploadBounds', sql: uploadBounds },
  { number: 15, name: 'tables', sql: tables },
];
