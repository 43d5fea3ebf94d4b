// LISTEN on a connection of its own, which is opened again when it breaks. Payloads in between are lost, so the listener gets an empty
// payload each time that a connection is open.

import pg from 'pg';
import { type BackoffLimits, backoffMs, wait } from '../../../src/base/index.ts';

const RECONNECT: BackoffLimits = { minMs: 500, maxMs: 15_000 };

/** @param channel an SQL identifier. @returns a function that stops listening. */
export function listenTo(config: pg.ClientConfig, channel: string, onPayload: (payload: string) => void): () => Promise<void> {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      if (await session(config, channel, onPayload, stop.signal)) failures = 0;
      await wait(backoffMs(failures + 1, RECONNECT, Math.random()), stop.signal);
    }
  };
  const running = run();
  return () => {
    stop.abort();
    return running;
  };
}

/** One connection to its end. @returns whether it was ever open. */
async function session(
  config: pg.ClientConfig,
  channel: string,
  onPayload: (payload: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const client = new pg.Client(config);
  client.on('notification', ({ payload = '' }) => onPayload(payload));
  const over = new AbortController();
  const ended = new Promise<void>((resolve) => {
    for (const event of ['error', 'end'] as const) client.on(event, () => resolve());
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
  });
  try {
    await client.connect();
    await client.query(`listen ${channel}`);
    onPayload('');
    await ended;
    return true;
  } catch {
    return false;
  } finally {
    over.abort();
    await client.end().catch(() => {});
  }
}
