// Generates one member's stream of server-sent events. Nothing is read before the client has received the last events, so a slow client
// needs little memory. The id of an event is a moment of the database, and a client that reconnects sends its last id.
import type { ChangeNotifier } from './changeNotifier.ts';
import type { Moment } from './changes.ts';
import type { Looks } from './looks.ts';

/** Proxies and phones close a silent connection after 30 to 60 s. A heartbeat also finds what no notification announced. */
const HEARTBEAT_MS = 15_000;
/** The client waits this long before it reconnects. */
const RETRY_MS = 3_000;

export interface StreamOptions {
  readonly looks: Looks;
  readonly notifier: ChangeNotifier;
  readonly thing: string;
  readonly userId: number;
  /** The moment of the client's last event; null for a new client. */
  readonly since: Moment | null;
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
}

/** Ends when the signal fires or the user is no longer a member. @throws the error of the database. */
export async function* events(options: StreamOptions): AsyncGenerator<string> {
  const { looks, notifier, thing, userId, signal, heartbeatMs = HEARTBEAT_MS } = options;
  const listener = notifier.listenTo(thing);
  const wake = (): void => listener.wake();
  signal.addEventListener('abort', wake);
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let { since } = options;
    let beatMs = performance.now() + heartbeatMs;
    while (!signal.aborted) {
      const isHeartbeat = performance.now() >= beatMs;
      const changes = await looks.changes(thing, since);
      if (!changes.members.includes(userId)) return;
      // Only the last event has the id, so a client that received only some of the events receives all of them again.
      if (changes.events !== '') yield `${changes.events.slice(0, -1)}id: ${changes.moment}\n\n`;
      else if (isHeartbeat) yield ':\n\n';
      if (isHeartbeat) beatMs = performance.now() + heartbeatMs;
      since = changes.moment;
      await listener.wait(Math.max(0, beatMs - performance.now()));
    }
  } finally {
    signal.removeEventListener('abort', wake);
    listener.close();
  }
}
