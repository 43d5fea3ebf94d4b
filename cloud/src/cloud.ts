// Composition root: joins broker, ingest, database, receipts and routes. The stop has the reverse order of the start, so messages from the
// broker are committed, acknowledged and covered by receipts before the connection closes.

import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { messageOf } from '../../src/base/index.ts';
import { AttemptLimits, Auth, Devices, Passwords, Tokens } from './auth/index.ts';
import { BrokerLink, type LinkState } from './broker/index.ts';
import { Commands } from './commands/index.ts';
import {
  checkRestored,
  DatabaseSocket,
  type Databases,
  migrateTables,
  openDatabases,
  SHARED_CONNECTIONS,
  sharesConnections,
  usable,
} from './database/index.ts';
import { Refusal } from './errors/index.ts';
import { Health, measure } from './health/index.ts';
import type { App } from './http/index.ts';
import { Ingest, type Way } from './ingest/index.ts';
import { Maintenance } from './maintenance/index.ts';
import { filtersOf, type Message, unreadIn } from './messages/index.ts';
import { Metrics } from './metrics/index.ts';
import { foldOutboxes, Pace, RANKS, Receipts } from './receipts/index.ts';
import { CLIENT_ID_PREFIX } from './rights/index.ts';
import { MonitorRows } from './robots/index.ts';
import { httpServer } from './routes/index.ts';
import type { Settings } from './settings/index.ts';
import { ChangeNotifier, changedBy } from './stream/index.ts';
import { ObjectStore, Uploads } from './uploads/index.ts';

/** Startup waits at most this long for the first subscription. The family can read data even while the broker is down. */
const FIRST_SUBSCRIPTION_MS = 5_000;
/** Robots send their backlog when the cloud is back, so its connection is first, if it is not slow. */
const BACKLOG_FIRST_MS = 1_000;
/** Time to commit queued messages during a stop, which may take 10 s in total. */
const DRAIN_MS = 6_000;

export interface Cloud {
  readonly url: string;
  readonly subscribed: boolean;
  stop(): Promise<void>;
}

export async function startCloud(settings: Settings, log: Logger): Promise<Cloud> {
  const metrics = new Metrics();
  const databases = await openDatabases(settings, log, (pool, use) => metrics.used(pool, use));
  const { upkeep } = databases;
  try {
    if (settings.databaseUrl !== null && (await usable(upkeep, sharesConnections(settings.databaseUrl)))) {
      log.warn({ event: 'database_pooled', reason: SHARED_CONNECTIONS }, 'set pool_mode = session, or lead DATABASE_URL past the pooler');
    }
    const migrated = await migrateTables(settings, {
      shared: upkeep,
      onWait: (reason) => log.warn({ event: 'migration_waits', reason }, 'the migration waits for another transaction, such as a pg_dump'),
    });
    log.info({ event: 'database_open', kind: upkeep.kind, migrated }, 'the database is open');
    const { start, stop } = await assemble(databases, settings, log, metrics);
    return { ...(await start()), stop };
  } catch (error) {
    await databases.close();
    throw error;
  }
}

export interface Parts {
  readonly app: App;
  start(): Promise<Pick<Cloud, 'url' | 'subscribed'>>;
  stop(): Promise<void>;
}

/** Creates all parts on open databases. They don't listen or connect before `start`. */
export async function assemble(databases: Databases, settings: Settings, log: Logger, metrics = new Metrics()): Promise<Parts> {
  const { ingest: fast, http: db, upkeep } = databases;
  const notifier = new ChangeNotifier(fast, log.child({ module: 'stream' }));
  const pace = new Pace(settings.publishesPerSecond);
  const receipts = new Receipts({
    db: fast,
    log: log.child({ module: 'receipts' }),
    intervalMs: settings.receiptIntervalMs,
    pace,
    publish: (topic, payload) => link.publish(topic, payload),
  });
  const monitors = new MonitorRows({ db: upkeep, log: log.child({ module: 'monitors' }) });
  const ingest = new Ingest({
    db: fast,
    patterns: settings.patterns,
    log: log.child({ module: 'ingest' }),
    onCommitted: (messages) => {
      receipts.committed(messages);
      monitors.committed();
      for (const message of messages) metrics.committed(message.kind, rowsIn(message));
      notifier.changed(changedBy(messages));
      for (const { thing, channel, incident, reason } of unreadIn(messages)) {
        log.error({ event: 'alert_unread', thing, channel, incident, reason }, 'the robot raised an alert that this cloud cannot read');
      }
    },
  });
  const linkFor = (way: Way): BrokerLink =>
    new BrokerLink({
      endpoint: settings.endpoint,
      credentials: settings.credentials,
      clientId: `${CLIENT_ID_PREFIX}${randomBytes(6).toString('hex')}`,
      filters: filtersOf(settings.patterns, way === 'backlog'),
      take: (incoming) => ingest.take(incoming),
      capacity: () => ingest.capacity(way),
      log: log.child({ module: 'broker' }),
      name: way === 'backlog' ? 'backlog' : 'broker',
      onSubscribed: () => (way === 'backlog' ? link : backlogLink).hurry(),
    });
  const link = linkFor('live');
  // Backlog that waits for its commit uses up the broker's window of its own connection only, and not that of the alerts.
  const backlogLink = linkFor('backlog');
  const brokerState = (): LinkState => (link.state === 'subscribed' ? backlogLink.state : link.state);
  const store = settings.uploads && new ObjectStore(settings.uploads);
  const uploads = store && settings.uploads && new Uploads({ db, store, dailyBytes: settings.uploads.dailyBytes });
  const { host, port, publicTelemetry, defaultThing } = settings;
  const { secretKey, corsOrigins, publicOrigin, deviceCa } = settings.http;
  const tokens = new Tokens(secretKey);
  const passwords = new Passwords();
  const attempts = new AttemptLimits(db, secretKey);
  const devices = new Devices({ db, audience: () => publicOrigin ?? urlOf(app), ca: deviceCa });
  const maintenance = new Maintenance({
    db: upkeep,
    log: log.child({ module: 'maintenance' }),
    retention: settings.retention,
    silentAfterMs: settings.silentAfterMs,
    uploads,
    expiring: [attempts, devices, monitors, { forget: () => foldOutboxes(db) }],
    checkRestored: () => checkRestored(settings, upkeep),
    listening: () => link.state === 'subscribed',
    behind: () => ingest.behind,
    onSilence: (changes) => notifier.changed(changes.map(({ thing }) => thing)),
  });
  const health = new Health({
    db: fast,
    broker: brokerState,
    queue: () => ingest.load,
    lastFailure: () => metrics.lastFailure,
    upkeep: () => maintenance.failing,
  });
  measure(metrics, { health, receiptsDue: () => receipts.due, turns: () => pace.waiting, pools: { ingest: fast, http: db, upkeep } });
  const app: App = await httpServer({
    db,
    log: log.child({ module: 'http' }),
    auth: new Auth({ db, tokens, devices }),
    credentials: { tokens, passwords, attempts },
    health,
    metrics,
    monitorAccess: settings.http,
    corsOrigins,
    publicTelemetry,
    defaultThing,
    notifier,
    commands: new Commands({
      db,
      log: log.child({ module: 'commands' }),
      publish: async (topic, payload) => {
        await pace.turn(RANKS.command);
        await link.publish(topic, payload);
      },
    }),
    uploads,
  });
  const socket = db.kind === 'pglite' && settings.dataDir !== 'memory:' ? new DatabaseSocket(db, settings.dataDir) : null;
  return {
    app,
    async start() {
      await passwords.prepare();
      await notifier.start();
      await app.listen({ host, port }).catch((error: unknown) => {
        throw new Refusal(`HOST=${host} PORT=${port}: ${messageOf(error)}; set another PORT, or 0 for any free port`, { cause: error });
      });
      await maintenance.start();
      ingest.start();
      monitors.start();
      backlogLink.start();
      await backlogLink.subscribed(BACKLOG_FIRST_MS);
      link.start();
      await socket?.start().catch((error: unknown) => {
        log.warn(
          { event: 'no_socket', reason: messageOf(error) },
          'invite, device, silence and backup work only while this cloud is stopped',
        );
      });
      return { url: urlOf(app), subscribed: await link.subscribed(FIRST_SUBSCRIPTION_MS) };
    },
    async stop() {
      await maintenance.stop();
      await Promise.all([link.leave(), backlogLink.leave()]);
      await ingest.drain(DRAIN_MS);
      pace.close();
      await receipts.stop();
      await monitors.stop();
      await Promise.all([link.stop(), backlogLink.stop()]);
      await app.close();
      await notifier.stop();
      store?.close();
      await socket?.stop();
      await databases.close();
    },
  };
}

function urlOf(server: App): string {
  const { address, family, port } = server.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/** The rows of a message, by table. */
function rowsIn(message: Message): Record<string, number> {
  if (message.kind !== 'rows') return {};
  return {
    readings: message.readings.length,
    results: message.results.length,
    events: message.events.length,
    unread: message.unread.length,
  };
}
