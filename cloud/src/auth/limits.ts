// Rate limits of logins and registrations, counted in the database, so that several instances count together and a restart forgets
// nothing. A window begins with the first try and ends by the database's clock.
import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';

export interface Limit {
  readonly tries: number;
  readonly windowS: number;
}

export interface AuthLimits {
  readonly perPhone: Limit;
  readonly perAddress: Limit;
}

/** An address may be shared by a whole family or a mobile network. */
export const LOGIN_LIMITS: AuthLimits = { perPhone: { tries: 10, windowS: 900 }, perAddress: { tries: 60, windowS: 900 } };
export const REGISTER_LIMITS: AuthLimits = { perPhone: { tries: 5, windowS: 3_600 }, perAddress: { tries: 20, windowS: 3_600 } };

export class AttemptLimits {
  readonly #db: Database;
  readonly #secretKey: string;

  constructor(db: Database, secretKey: string) {
    this.#db = db;
    this.#secretKey = secretKey;
  }

  /** Counts a try. @throws HttpError 429 above the limit, with the time until the next try. */
  async count(what: 'login' | 'register', phone: string, address: string, limits: AuthLimits): Promise<void> {
    const [phones, addresses] = [limits.perPhone, limits.perAddress];
    const rows = await this.#db.query<{ name: string; count: number; wait_s: number }>(COUNT, [
      [this.#name(`${what} phone ${phone}`), this.#name(`${what} address ${networkOf(address)}`)],
      [phones.windowS, addresses.windowS],
    ]);
    const most = [phones.tries, addresses.tries];
    const names = [this.#name(`${what} phone ${phone}`), this.#name(`${what} address ${networkOf(address)}`)];
    const over = rows.filter((row) => row.count > (most[names.indexOf(row.name)] ?? 0));
    if (over.length === 0) return;
    const waitS = Math.max(1, ...over.map((row) => row.wait_s));
    throw new HttpError(429, `too many tries; the next in ${waitS} s`, waitS);
  }

  /** Deletes the windows that have ended. */
  async forget(): Promise<void> {
    await this.#db.query(`delete from attempts where resets_at < clock_timestamp() - interval '1 hour'`);
  }

  #name(text: string): string {
    return createHmac('sha256', this.#secretKey).update(text).digest('base64url');
  }
}

/** Every instance locks in order of name, so that two instances can't wait for each other. */
const COUNT = `
insert into attempts as a (name, count, resets_at)
select n.name, 1, clock_timestamp() + n.window_s * interval '1 s' from unnest($1::text[], $2::int[]) as n(name, window_s) order by n.name
on conflict (name) do update set
  count = case when a.resets_at <= clock_timestamp() then 1 else least(a.count + 1, 1000000) end,
  resets_at = case when a.resets_at <= clock_timestamp() then excluded.resets_at else a.resets_at end
returning name, count, ceil(extract(epoch from resets_at - clock_timestamp()))::int as wait_s`;

/** An IPv6 client usually controls a /64 network, so the network counts, not the address. */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const first = head.split(':').filter(Boolean);
  const last = tail === undefined ? [] : tail.split(':').filter(Boolean);
  const groups = tail === undefined ? first : [...first, ...Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last];
  return groups.slice(0, 4).join(':');
}
