// May this robot connect, and publish and subscribe on each of its topics? For the doctor, and only while no agent has the client id.
// What is published is empty: the cloud drops it, and no row, no receipt and no presence comes of it.
import type { Credentials } from '../identity/index.ts';
import { topicsOf, UPWARD } from '../wire/index.ts';
import { refusesVersion } from './causes.ts';
import { nextRoute, routesOf } from './routes.ts';
import { ConnectError, Session, type SessionOptions } from './session.ts';

export interface ProbeOptions {
  readonly host: string;
  /** Undefined: 8883, then 443 with ALPN. */
  readonly port: number | undefined;
  readonly credentials: Credentials;
  readonly thing: string;
  readonly topicPrefix: string;
  /** For a connection, and again for each answer. */
  readonly timeoutMs: number;
}

export interface Probed {
  readonly port: number;
  readonly version: 4 | 5;
  readonly connectMs: number;
  readonly refusedSubscriptions: readonly string[];
  readonly refusedPublications: readonly string[];
}

const DOWNWARD = ['commands', 'receipts'] as const;

/** @throws ConnectError where there is no connection. */
export async function probe(options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const topics = topicsOf(options.topicPrefix);
  const refused = { subscriptions: [] as string[], publications: [] as string[] };
  const startedMs = performance.now();
  const first = await connect(options, signal);
  const connectMs = Math.round(performance.now() - startedMs);
  // IoT Core ends the connection of a client that asks for what it may not: then the next topic gets a new one.
  let session: Session | undefined = first.session;
  const again = () => Session.connect({ ...sessionOptions(options, first.route), version: first.version }, signal);
  try {
    for (const room of DOWNWARD) {
      session ??= await again();
      if (await isRefused(session.subscribe([topics[room]]))) refused.subscriptions.push(topics[room]);
      session = await stillThere(session);
    }
    for (const room of UPWARD) {
      session ??= await again();
      if (await isRefused(published(session, topics[room], options.timeoutMs))) refused.publications.push(topics[room]);
      session = await stillThere(session);
    }
  } finally {
    await session?.close();
  }
  const { route, version } = first;
  return { port: route.port, version, connectMs, refusedSubscriptions: refused.subscriptions, refusedPublications: refused.publications };
}

type Route = ReturnType<typeof routesOf>[number];

async function connect(options: ProbeOptions, signal: AbortSignal): Promise<{ session: Session; route: Route; version: 4 | 5 }> {
  const routes = routesOf(options.port);
  let failure: unknown;
  for (let i = 0; i < routes.length; i++) {
    const route = routes[i];
    if (!route) break;
    for (const version of [5, 4] as const) {
      try {
        return { session: await Session.connect({ ...sessionOptions(options, route), version }, signal), route, version };
      } catch (error) {
        // What the usual port says is told; the other one is only tried.
        failure ??= error;
        if (!(error instanceof ConnectError) || !refusesVersion(error.reason)) break;
      }
    }
    const blocked = failure instanceof ConnectError && ['ETIMEDOUT', 'ECONNREFUSED', 'ECONNRESET'].includes(String(failure.reason));
    if (!blocked || nextRoute(routes, i, 'broker_unreachable') === 0) break;
  }
  throw failure;
}

function sessionOptions(options: ProbeOptions, { port, alpn }: Route): Omit<SessionOptions, 'version'> {
  return {
    host: options.host,
    port,
    alpn,
    credentials: options.credentials,
    clientId: options.thing,
    keepaliveMs: 30_000,
    connectTimeoutMs: options.timeoutMs,
    will: undefined,
    onMessage: () => {},
  };
}

/** An answer that says no, or a connection that ends in its place. */
async function isRefused(asked: Promise<void>): Promise<boolean> {
  try {
    await asked;
    return false;
  } catch {
    return true;
  }
}

function published(session: Session, topic: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no acknowledgement within ${timeoutMs} ms`)), timeoutMs);
    const end = (error: Error | undefined) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    void session.ended.then(() => end(new Error('the broker closed the connection')));
    session.publish(topic, '', end);
  });
}

async function stillThere(session: Session): Promise<Session | undefined> {
  const over = await Promise.race([session.ended.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
  return over ? undefined : session;
}
