// Limits the rate of logins, registrations and commands. The database counts the attempts, so all instances share the limits and a restart
// resets nothing. A limit delays: it admits a number of attempts at once, and later one after the other, by the database's clock.
import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Database } from '../database/index.ts';
import { HttpError } from '../http/index.ts';

/** Attempts in `windowS`. All may come at once; the next is admitted after an equal share of the window. */
export interface AuthLimits {
  readonly windowS: number;
  /** Counts a phone in each network by itself, so that a stranger who guesses does not lock the owner out. */
  readonly perPhone: number;
  /** Counts a phone in all networks. */
  readonly perPhoneAnywhere: number;
  /** Higher than that of a phone, because a family or a mobile network may share one address. */
  readonly perNetwork: number;
  /** Counts everybody, because each attempt costs 0.25 s of a core. */
  readonly all: number;
}

/** How long a network stays known after the last login from it. */
const KNOWN_DAYS = 90;

export interface Attempt {
  readonly phone: string;
  readonly address: string;
  /** The user whose earlier token came with the attempt. Strangers cannot use up this limit. */
  readonly tokenOf?: number | null;
  /** Whether the phone has logged in from this network. Strangers elsewhere then cannot use up its limit. */
  readonly isKnown?: boolean;
}

export interface CommandLimits {
  readonly windowS: number;
  readonly perUser: number;
  readonly perRobot: number;
}

export interface RateLimits {
  readonly login: AuthLimits;
  readonly register: AuthLimits;
  readonly command: CommandLimits;
}

export const RATE_LIMITS: RateLimits = {
  login: { windowS: 900, perPhone: 10, perPhoneAnywhere: 100, perNetwork: 60, all: 1_800 },
  register: { windowS: 3_600, perPhone: 5, perPhoneAnywhere: 20, perNetwork: 20, all: 1_000 },
  command: { windowS: 60, perUser: 120, perRobot: 240 },
};

export class AttemptLimits {
  readonly #db: Database;
  readonly #secretKey: string;
  readonly #limits: RateLimits;

  constructor(db: Database, secretKey: string, limits = RATE_LIMITS) {
    this.#db = db;
    this.#secretKey = secretKey;
    this.#limits = limits;
  }

  /**
   * Counts an attempt. It takes the near limits first: network, then phone. A refused attempt uses nothing of the later ones.
   * @throws HttpError 429 above a limit, with the time until the next attempt is admitted.
   */
  async count(action: 'login' | 'register', { phone, address, tokenOf = null, isKnown = false }: Attempt): Promise<void> {
    const { windowS, perPhone, perPhoneAnywhere, perNetwork, all } = this.#limits[action];
    const take = (name: string, most: number): Promise<void> => this.#take(windowS, `${action} ${name}`, most);
    if (tokenOf !== null) return take(`user ${tokenOf} with an earlier token`, perPhone);
    const network = networkOf(address);
    await take(`network ${network}`, perNetwork);
    await take(`phone ${phone} in ${network}`, perPhone);
    if (isKnown) return;
    await take(`phone ${phone}`, perPhoneAnywhere);
    await take('all', all);
  }

  /** Whether this phone has logged in from this network. */
  async knows(phone: string, address: string): Promise<boolean> {
    const rows = await this.#db.query('select from attempts where name = $1 and resets_at > now()', [this.#knownName(phone, address)]);
    return rows.length > 0;
  }

  async remember(phone: string, address: string): Promise<void> {
    const until = `now() + interval '${KNOWN_DAYS} days'`;
    await this.#db.query(
      `insert into attempts (name, count, resets_at) values ($1, 0, ${until}) on conflict (name) do update set resets_at = ${until}`,
      [this.#knownName(phone, address)],
    );
  }

  /** Counts a command. `stop` has a count of its own, so that no other command delays it. @throws HttpError 429 */
  async countCommand(command: string, userId: number, thing: string): Promise<void> {
    const { windowS, perUser, perRobot } = this.#limits.command;
    const kind = command === 'stop' ? 'stop' : 'command';
    await this.#take(windowS, `${kind} of ${userId} to ${thing}`, perUser);
    await this.#take(windowS, `${kind} to ${thing}`, perRobot);
  }

  /** Deletes limits that were last used more than an hour before they are full again, and networks that are no longer known. */
  async forget(): Promise<void> {
    await this.#db.query(`delete from attempts where resets_at < clock_timestamp() - interval '1 hour'`);
  }

  async #take(windowS: number, name: string, most: number): Promise<void> {
    const stepS = windowS / most;
    const [row] = await this.#db.query<{ count: number; used_s: number }>(TAKE, [this.#hash(name), stepS, windowS]);
    if (row?.count !== 0) return;
    const waitS = Math.max(1, Math.ceil(row.used_s + stepS - windowS));
    throw new HttpError(429, `too many attempts; try again in ${waitS} s`, waitS);
  }

  #knownName(phone: string, address: string): string {
    return this.#hash(`known phone ${phone} in ${networkOf(address)}`);
  }

  #hash(name: string): string {
    return createHmac('sha256', this.#secretKey).update(name).digest('base64url');
  }
}

/**
 * Each admitted attempt moves `resets_at` by a step; it may be a window ahead. Half a step of tolerance covers the differences of concurrent
 * clocks. `count` is 0 for a refused attempt.
 */
const ADMITTED = `greatest(a.resets_at, now()) + (excluded.resets_at - now()) / 2 < now() + $3::float8 * interval '1 s'`;
const TAKE = `
insert into attempts as a (name, count, resets_at) values ($1, 1, now() + $2::float8 * interval '1 s')
on conflict (name) do update set
  count = (${ADMITTED})::int,
  resets_at = case when ${ADMITTED} then greatest(a.resets_at, now()) + (excluded.resets_at - now()) else a.resets_at end
returning count, extract(epoch from resets_at - now())::float8 as used_s`;

/** The /48 network of an IPv6 address, because a site usually has a whole /48. An IPv4 address, also one mapped into IPv6, is its own network. */
function networkOf(address: string): string {
  if (isIP(address) === 0) return address;
  const parsed = ipaddr.process(address);
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 3).join(':') : parsed.toString();
}
