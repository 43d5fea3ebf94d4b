// Reads the rows of one robot from the database.
import type { Database } from '../../src/database/database.ts';
import { type Account, readAccounts } from '../../src/receipts/coverage.ts';

export async function accountOf(db: Database, thing: string): Promise<Account | undefined> {
  return (await readAccounts(db, thing))[0];
}

export async function seqsOf(db: Database, table: string, thing: string): Promise<number[]> {
  const rows = await db.query<{ seq: number }>(`select seq from ${table} where thing = $1 order by seq`, [thing]);
  return rows.map(({ seq }) => seq);
}

export async function poisonOf(db: Database, thing: string): Promise<{ reason: string; text: string }[]> {
  return db.query(`select reason, convert_from(payload, 'UTF8') as text from poison_messages where thing = $1 order by id`, [thing]);
}

export async function poisonCount(db: Database): Promise<number> {
  const [row] = await db.query<{ count: number }>('select count(*) as count from poison_messages');
  return row?.count ?? 0;
}
