// Limits the rate of logins and registrations. The database counts the attempts, so all instances share the limits and a restart resets
// nothing. A window begins with its first attempt and ends by the database's clock.
import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';

interface Limit {
  readonly tries: number;
  readonly windowS: number;
}

export interface AuthLimits {
  readonly perPhone: Limit;
  readonly perAddress: Limit;
}

/** The limit per address is higher, because a family or a mobile network may share one address. */
export const LOGIN_LIMITS: AuthLimits = { perPhone: { tries: 10, windowS: 900 }, perAddress: { tries: 60, windowS: 900 } };
export const REGISTER_LIMITS: AuthLimits = { perPhone: { tries: 5, windowS: 3_600 }, perAddress: { tries: 20, windowS: 3_600 } };

export class AttemptLimits {
  readonly #db: Database;
  readonly #secretKey: string;

  constructor(db: Database, secretKey: string) {
    this.#db = db;
    this.#secretKey = secretKey;
  }

  /** Counts an attempt. @throws HttpError 429 above the limit, with the time until the next attempt is allowed. */
  async count(action: 'login' | 'register', phone: string, address: string, { perPhone, perAddress }: AuthLimits): Promise<void> {
    const [phoneName, addressName] = [this.#nameOf(`${action} phone ${phone}`), this.#nameOf(`${action} address ${networkOf(address)}`)];
    const rows = await this.#db.query<{ name: string; count: number; wait_s: number }>(COUNT, [
      [phoneName, addressName],
      [perPhone.windowS, perAddress.windowS],
    ]);
    const exceeded = rows.filter(({ name, count }) => count > (name === phoneName ? perPhone : perAddress).tries);
    if (exceeded.length === 0) return;
    const waitS = Math.max(1, ...exceeded.map((row) => row.wait_s));
    throw new HttpError(429, `too many attempts; try again in ${waitS} s`, waitS);
  }

  /** Deletes windows that ended more than an hour ago. */
  async forget(): Promise<void> {
    await this.#db.query(`delete from attempts where resets_at < clock_timestamp() - interval '1 hour'`);
  }

  #nameOf(text: string): string {
    return createHmac('sha256', this.#secretKey).update(text).digest('base64url');
  }
}

/** Every instance locks the rows in the order of their names, so that two instances cannot deadlock. */
const COUNT = `
insert into attempts as a (name, count, resets_at)
select n.name, 1, clock_timestamp() + n.window_s * interval '1 s' from unnest($1::text[], $2::int[]) as n(name, window_s) order by n.name
on conflict (name) do update set
  count = case when a.resets_at <= clock_timestamp() then 1 else least(a.count + 1, 1000000) end,
  resets_at = case when a.resets_at <= clock_timestamp() then excluded.resets_at else a.resets_at end
returning name, count, ceil(extract(epoch from resets_at - clock_timestamp()))::int as wait_s`;

/** The /64 network of an IPv6 address, because an IPv6 client usually controls a whole /64. An IPv4 address is returned unchanged. */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = address.split('::');
  const first = head.split(':').filter(Boolean);
  const last = (tail ?? '').split(':').filter(Boolean);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  return [...first, ...Array<string>(zeros).fill('0'), ...last].slice(0, 4).join(':');
}
