// Users and their memberships. Registration is open to everybody and gives no membership; only an invitation does.
import type { Sql } from '../database/index.ts';
import { HttpError } from '../http/index.ts';

export interface User {
  readonly id: number;
  readonly hashed_password: string;
}

export async function findUser(sql: Sql, phone: string): Promise<User | null> {
  const [user] = await sql.query<User>('select id, hashed_password from users where phone = $1', [phone]);
  return user ?? null;
}

/** @returns the id; null if the phone is registered already. */
export async function addUser(sql: Sql, phone: string, hashedPassword: string): Promise<number | null> {
  const [user] = await sql.query<{ id: number }>(
    'insert into users (phone, hashed_password) values ($1, $2) on conflict (phone) do nothing returning id',
    [phone, hashedPassword],
  );
  return user?.id ?? null;
}

/** @throws HttpError 401 if the user of a token no longer exists. */
export async function requireUser(sql: Sql, userId: number): Promise<void> {
  const rows = await sql.query('select 1 from users where id = $1', [userId]);
  if (rows.length === 0) throw new HttpError(401, 'the token is not valid; log in again');
}

export async function robotsOf(sql: Sql, userId: number): Promise<string[]> {
  const rows = await sql.query<{ thing: string }>('select thing from members where user_id = $1 order by thing', [userId]);
  return rows.map(({ thing }) => thing);
}

/** The named robot, else the user's only robot. @throws HttpError 403 or 422. */
export async function memberRobot(sql: Sql, userId: number, named: string | undefined): Promise<string> {
  const things = await robotsOf(sql, userId);
  if (named !== undefined) {
    // The same answer for a robot that does not exist: a stranger learns no names.
    if (!things.includes(named)) throw new HttpError(403, `you are no member of ${named}; its family has to invite you`);
    return named;
  }
  const [only, another] = things;
  if (only === undefined) throw new HttpError(403, 'you are no member of any robot; its family has to invite you');
  if (another !== undefined) throw new HttpError(422, `thing: you have several robots; say which: ${things.join(', ')}`);
  return only;
}

/** @returns false if no user is registered with this phone. */
export async function invite(sql: Sql, phone: string, thing: string): Promise<boolean> {
  const user = await findUser(sql, phone);
  if (!user) return false;
  await sql.query('insert into members (thing, user_id) values ($1, $2) on conflict do nothing', [thing, user.id]);
  return true;
}

/** @returns whether there was a membership. */
export async function revoke(sql: Sql, phone: string, thing: string): Promise<boolean> {
  const rows = await sql.query(
    'delete from members m using users u where u.id = m.user_id and u.phone = $1 and m.thing = $2 returning m.thing',
    [phone, thing],
  );
  return rows.length > 0;
}
