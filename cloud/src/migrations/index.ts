// Every migration in order. One that has been released is never changed: a correction is a new one.
import { first } from './0001-first.ts';
import { auth } from './0002-auth.ts';
import { alerts } from './0010-alerts.ts';
import { partitions } from './0011-partitions.ts';
import { silence } from './0012-silence.ts';
import { uploads } from './0013-uploads.ts';
import { commands } from './0020-commands.ts';
import { changes } from './0021-changes.ts';
import { monitors } from './0022-monitors.ts';
import { pace } from './0023-pace.ts';
import { successors } from './0024-successors.ts';
import { announcing } from './0025-announcing.ts';
import { power } from './0026-power.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: 'first', sql: first },
  { number: 2, name: 'auth', sql: auth },
  { number: 10, name: 'alerts', sql: alerts },
  { number: 11, name: 'partitions', sql: partitions },
  { number: 12, name: 'silence', sql: silence },
  { number: 13, name: 'uploads', sql: uploads },
  { number: 20, name: 'commands', sql: commands },
  { number: 21, name: 'changes', sql: changes },
  { number: 22, name: 'monitors', sql: monitors },
  { number: 23, name: 'pace', sql: pace },
  { number: 24, name: 'successors', sql: successors },
  { number: 25, name: 'announcing', sql: announcing },
  { number: 26, name: 'power', sql: power },
];
