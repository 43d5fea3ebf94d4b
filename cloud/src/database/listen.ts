// LISTEN on a connection of its own, which is opened again if it breaks or leads to a former primary. Sends an empty payload after each
// connect, since payloads may be lost.
import pg from 'pg';
import { type BackoffLimits, backoffMs, wait } from '../../../src/base/index.ts';
import { applySession, type ConnectionOptions, clientConfig, destroy, type Generation } from './connections.ts';

const RECONNECT: BackoffLimits = { minMs: 500, maxMs: 15_000 };
/** The connection only receives, so only a question shows that it leads nowhere. */
const CHECK_EVERY_MS = 5_000;
const STATEMENT_MS = 5_000;

type Options = ConnectionOptions & { readonly generation: Generation };

export function listenTo(options: Options, channel: string, onPayload: (payload: string) => void): () => Promise<void> {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      if (await listenOnce({ ...options, statementMs: STATEMENT_MS }, channel, onPayload, stop.signal)) failures = 0;
      await wait(backoffMs(failures + 1, RECONNECT, Math.random()), stop.signal);
    }
  };
  const running = run();
  return () => {
    stop.abort();
    return running;
  };
}

/** Listens on one connection until it ends. @returns whether the connection was ever open. */
async function listenOnce(options: Options, channel: string, onPayload: (payload: string) => void, stop: AbortSignal): Promise<boolean> {
  const client = new pg.Client(clientConfig(options));
  const ended = new AbortController();
  for (const event of ['error', 'end'] as const) client.on(event, () => ended.abort());
  client.on('notification', ({ payload = '' }) => onPayload(payload));
  const until = AbortSignal.any([stop, ended.signal]);
  let isOpen = false;
  try {
    const { current } = options.generation;
    await client.connect();
    await applySession(client, options);
    await client.query(`listen ${channel}`);
    isOpen = true;
    onPayload('');
    while (!until.aborted && current === options.generation.current) {
      await wait(CHECK_EVERY_MS, until);
      if (!until.aborted) await client.query('select 1');
    }
  } catch {
    // The next connection may work.
  } finally {
    void client.end().catch(() => {});
    destroy(client);
  }
  return isOpen;
}
