// The HTTP API of one instance on a test's database. Requests are injected without a socket, and options replace the settings.
import { pino } from 'pino';
import { Auth } from '../../src/auth/auth.ts';
import { Passwords, Tokens } from '../../src/auth/credentials.ts';
import { Devices, type DevicesOptions } from '../../src/auth/devices.ts';
import { AttemptLimits, type RateLimits } from '../../src/auth/limits.ts';
import { invite } from '../../src/auth/members.ts';
import { Commands } from '../../src/commands/commands.ts';
import type { Database } from '../../src/database/database.ts';
import { measure } from '../../src/health/gauges.ts';
import { Health, type HealthOptions } from '../../src/health/health.ts';
import type { App } from '../../src/http/app.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { httpServer, type ServerOptions } from '../../src/routes/server.ts';
import { ChangeNotifier } from '../../src/stream/changeNotifier.ts';

export const SECRET_KEY = 'a secret of tests, long enough for them';
export const ORIGIN = 'https://cloud.example.org';
/** The lowest cost of bcrypt keeps the tests of routes fast. */
const QUICK_COST = 4;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly remoteAddress?: string;
}

let phones = 0;

/** A phone number that no other test uses. */
export function newPhone(): string {
  return `+39${String(process.pid).padStart(7, '0')}${String(++phones).padStart(4, '0')}`;
}

export interface ApiOptions extends Partial<Omit<ServerOptions, 'health'>> {
  readonly health?: Partial<HealthOptions>;
  readonly device?: Partial<DevicesOptions>;
  readonly limits?: RateLimits;
}

export class Api {
  readonly app: App;
  readonly tokens: Tokens;
  readonly notifier: ChangeNotifier;
  readonly #db: Database;

  private constructor(app: App, tokens: Tokens, db: Database, notifier: ChangeNotifier) {
    this.app = app;
    this.tokens = tokens;
    this.notifier = notifier;
    this.#db = db;
  }

  static async open(db: Database, { device, limits, health, ...options }: ApiOptions = {}): Promise<Api> {
    const tokens = new Tokens(SECRET_KEY);
    const devices = new Devices({ db, audience: () => ORIGIN, ca: null, ...device });
    const notifier = new ChangeNotifier(db, pino({ level: 'silent' }));
    await notifier.start();
    const metrics = new Metrics();
    const state = new Health({
      db,
      broker: () => 'subscribed',
      queue: () => ({ waiting: 0, oldestMs: 0, storedMs: 0 }),
      lastFailure: () => metrics.lastFailure,
      upkeep: () => new Map(),
      ...health,
    });
    measure(metrics, { health: state, receiptsDue: () => 0, turns: () => ({ command: 0 }), pools: { http: db } });
    const app = await httpServer({
      db,
      log: pino({ level: 'silent' }),
      auth: new Auth({ db, tokens, devices }),
      credentials: {
        tokens,
        passwords: new Passwords(QUICK_COST),
        attempts: new AttemptLimits(db, SECRET_KEY, limits),
      },
      health: state,
      metrics,
      monitorAccess: { trustProxy: [], isProxied: false, monitorAllow: [], monitorToken: 'none' },
      corsOrigins: [],
      publicTelemetry: true,
      defaultThing: null,
      uploads: null,
      notifier,
      commands: new Commands({ db, log: pino({ level: 'silent' }), publish: () => Promise.resolve() }),
      ...options,
    });
    return new Api(app, tokens, db, notifier);
  }

  async ask(
    method: 'GET' | 'POST' | 'OPTIONS' | 'DELETE',
    url: string,
    { body, token, headers = {}, remoteAddress }: Ask = {},
  ): Promise<Answer> {
    const answer = await this.app.inject({
      method,
      url,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
      ...(remoteAddress === undefined ? {} : { remoteAddress }),
    });
    const isJson = String(answer.headers['content-type'] ?? '').includes('json');
    return { status: answer.statusCode, body: isJson ? answer.json() : answer.body, headers: answer.headers };
  }

  /** Registers a user from a new address and makes the user a member of `things`. */
  async register(...things: readonly string[]): Promise<{ readonly phone: string; readonly token: string }> {
    const phone = newPhone();
    const remoteAddress = `10.1.${phones >> 8}.${phones & 255}`;
    const { status, body } = await this.ask('POST', '/auth/register', { body: { phone, password: 'correct horse' }, remoteAddress });
    if (status !== 200) throw new Error(`registering answered ${status}: ${JSON.stringify(body)}`);
    for (const thing of things) await invite(this.#db, phone, thing);
    return { phone, token: (body as { access_token: string }).access_token };
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.notifier.stop();
  }
}
