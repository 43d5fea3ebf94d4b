// `migrate`: brings the tables to this version, and nothing else. `serve` does it too; this is for who wants to see it done first.
import { migrate, openDatabase, usable } from '../database/index.ts';
import { databaseSettings } from './database.ts';
import { print } from './exit.ts';

export async function migrateTables(): Promise<number> {
  const db = await openDatabase(databaseSettings());
  try {
    const steps = await usable(db, migrate(db));
    print(steps.length > 0 ? `done: ${steps.length} steps, up to ${steps.at(-1)}` : 'nothing to do');
    return 0;
  } finally {
    await db.close();
  }
}
