// May this robot connect, and publish and subscribe on each of its topics? For the doctor, and only while no agent has the client id.
// The published messages are empty: the cloud drops them, so no row, receipt or presence results.
import type { Credentials } from '../identity/index.ts';
import { DOWNWARD, topicsOf, UPWARD } from '../wire/index.ts';
import { dial } from './dial.ts';
import type { Session } from './session.ts';

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

/** @throws ConnectError if no connection is made. */
export async function probe(options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const topics = topicsOf(options.topicPrefix);
  const refusedSubscriptions: string[] = [];
  const refusedPublications: string[] = [];
  const connect = () => dial({ ...options, clientId: options.thing, onMessage: () => {} }, signal);
  const startedMs = performance.now();
  // IoT Core ends the connection of a client that asks for what it may not: then the next topic gets a new one.
  let session: Session | undefined = await connect();
  const connectMs = Math.round(performance.now() - startedMs);
  const { port, version } = session;
  try {
    for (const name of DOWNWARD) {
      session ??= await connect();
      if (await isRefused(session.subscribe([topics[name]]))) refusedSubscriptions.push(topics[name]);
      session = await stillThere(session);
    }
    for (const name of UPWARD) {
      session ??= await connect();
      if (await isRefused(published(session, topics[name], options.timeoutMs))) refusedPublications.push(topics[name]);
      session = await stillThere(session);
    }
  } finally {
    await session?.close();
  }
  return { port, version, connectMs, refusedSubscriptions, refusedPublications };
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
