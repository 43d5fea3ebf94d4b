// Users and their memberships. Anybody can register. Only an invitation makes a user a member of a robot.
import type { Sql } from '../database/index.ts';

interface User {
  readonly id: number;
  readonly hashed_password: string;
}

export async function findUser(sql: Sql, phone: string): Promise<User | null> {
  const [user] = await sql.query<User>('select id, hashed_password from users where phone = $1', [phone]);
  return user ?? null;
}

/** @returns the id; null if the phone is already registered. */
export async function addUser(sql: Sql, phone: string, hashedPassword: string): Promise<number | null> {
  const [user] = await sql.query<{ id: number }>(
    'insert into users (phone, hashed_password) values ($1, $2) on conflict (phone) do nothing returning id',
    [phone, hashedPassword],
  );
  return user?.id ?? null;
}

export async function robotsOf(sql: Sql, userId: number): Promise<string[]> {
  const rows = await sql.query<{ thing: string }>('select thing from members where user_id = $1 order by thing', [userId]);
  return rows.map(({ thing }) => thing);
}

/** @returns false if no user is registered with this phone. */
export async function invite(sql: Sql, phone: string, thing: string): Promise<boolean> {
  const user = await findUser(sql, phone);
  if (!user) return false;
  await sql.query('insert into members (thing, user_id) values ($1, $2) on conflict do nothing', [thing, user.id]);
  return true;
}

/** @returns whether the user was a member. */
export async function revoke(sql: Sql, phone: string, thing: string): Promise<boolean> {
  const rows = await sql.query(
    'delete from members m using users u where u.id = m.user_id and u.phone = $1 and m.thing = $2 returning m.thing',
    [phone, thing],
  );
  return rows.length > 0;
}
