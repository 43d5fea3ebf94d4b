// One member's stream as server-sent events. It is pulled: as long as a client has not taken what it got, nothing more is read for it,
// so a slow one costs a bounded piece of memory. What a client missed it gets by the id of the last event it has: a moment of the database.
import { wait } from '../../../src/base/index.ts';
import type { Database } from '../database/index.ts';
import type { ChangeNotifier } from './changeNotifier.ts';
import { type Changes, type Moment, readChanges } from './changes.ts';

/** Proxies and phones give up a silent connection after 30 to 60 s. Membership is looked at as often. */
const HEARTBEAT_MS = 15_000;
/** Between two looks of one stream, however much happens. */
const PACE_MS = 200;
/** How long a client waits before it comes again. */
const RETRY_MS = 3_000;

export interface StreamOptions {
  readonly db: Database;
  readonly notifier: ChangeNotifier;
  readonly thing: string;
  /** What the client has; null: nothing. */
  readonly since: Moment | null;
  /** Whether they may still look. */
  readonly allowed: () => Promise<boolean>;
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
}

/** Ends when the signal fires or they may no longer look. @throws where the database does not answer. */
export async function* events(options: StreamOptions): AsyncGenerator<string> {
  const { db, notifier, thing, allowed, signal, heartbeatMs = HEARTBEAT_MS } = options;
  const listener = notifier.listenTo(thing);
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    let { since } = options;
    let beatMs = performance.now() + heartbeatMs;
    while (!signal.aborted) {
      const readMs = performance.now();
      const changes = await readChanges(db, thing, since);
      const beats = readMs >= beatMs;
      if (beats && !(await allowed())) return;
      const text = textOf(thing, changes);
      if (text !== '' || beats) yield text || ':\n\n';
      if (beats) beatMs = performance.now() + heartbeatMs;
      since = changes.moment;
      await listener.wait(Math.max(0, beatMs - performance.now()), signal);
      await wait(readMs + PACE_MS - performance.now(), signal);
    }
  } finally {
    listener.close();
  }
}

/** The id stands on the last event only: a client that got half of them gets all of them again. */
function textOf(thing: string, { moment, state, alerts, results, more }: Changes): string {
  const all = [
    ...(more ? [['gap', { thing, text: 'more happened than is sent here: GET /alerts' }] as const] : []),
    ...alerts.map((alert) => ['alert', alert] as const),
    ...results.map((result) => ['result', { thing, ...result }] as const),
    ...(state ? [['state', { thing, state }] as const] : []),
  ];
  return all
    .map(([name, data], i) => `${i === all.length - 1 ? `id: ${moment}\n` : ''}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
    .join('');
}
