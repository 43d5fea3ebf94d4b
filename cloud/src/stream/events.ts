// Generates one member's stream of server-sent events. Nothing is read before the client has received the last events, so a slow client
// needs little memory. The id of an event is a moment of the database, and a client that reconnects sends its last id.
import { wait } from '../../../src/base/index.ts';
import type { Database } from '../database/index.ts';
import type { ChangeNotifier } from './changeNotifier.ts';
import { type Changes, type Moment, readChanges } from './changes.ts';

/** Proxies and phones close a silent connection after 30 to 60 s. Membership is checked with each heartbeat. */
const HEARTBEAT_MS = 15_000;
/** Shortest time between two reads of one stream. */
const PACE_MS = 200;
/** The client waits this long before it reconnects. */
const RETRY_MS = 3_000;

export interface StreamOptions {
  readonly db: Database;
  readonly notifier: ChangeNotifier;
  readonly thing: string;
  /** The moment of the client's last event; null for a new client. */
  readonly since: Moment | null;
  /** Whether the member may still see this robot. */
  readonly allowed: () => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
}

/** Ends when the signal fires or `allowed` returns false. @throws the error of the database. */
export async function* events(options: StreamOptions): AsyncGenerator<string> {
  const { db, notifier, thing, allowed, signal, heartbeatMs = HEARTBEAT_MS } = options;
  const listener = notifier.listenTo(thing);
  const wake = (): void => listener.wake();
  signal.addEventListener('abort', wake);
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let { since } = options;
    let beatMs = performance.now() + heartbeatMs;
    while (!signal.aborted) {
      const readMs = performance.now();
      const changes = await readChanges(db, thing, since);
      const isHeartbeat = readMs >= beatMs;
      if (isHeartbeat && !(await allowed())) return;
      const text = textOf(thing, changes);
      if (text !== '' || isHeartbeat) yield text || ':\n\n';
      if (isHeartbeat) beatMs = performance.now() + heartbeatMs;
      since = changes.moment;
      await listener.wait(Math.max(0, beatMs - performance.now()));
      await wait(readMs + PACE_MS - performance.now(), signal);
    }
  } finally {
    signal.removeEventListener('abort', wake);
    listener.close();
  }
}

/** Only the last event has the id, so a client that received only some of the events receives all of them again. */
function textOf(thing: string, { moment, state, alerts, results, isTruncated }: Changes): string {
  const all = [
    ...(isTruncated ? [['gap', { thing, text: 'some events were left out: GET /alerts' }] as const] : []),
    ...alerts.map((alert) => ['alert', alert] as const),
    ...results.map((result) => ['result', { thing, ...result }] as const),
    ...(state ? [['state', { thing, state }] as const] : []),
  ];
  return all
    .map(([name, data], i) => `${i === all.length - 1 ? `id: ${moment}\n` : ''}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
    .join('');
}
