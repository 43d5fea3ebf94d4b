// Finds out whether a pooler such as pgbouncer lends the server's connections to other clients between two transactions.
import pg from 'pg';
import { applySession, clientConfig } from './connections.ts';

const ROUNDS = 5;
const STATEMENT_MS = 5_000;

export const SHARED_CONNECTIONS =
  "a pooler shares the server's connections between transactions (transaction mode): the limits on the time of a statement and of a lock do " +
  'not apply, and LISTEN hears nothing, so streams show a change up to 15 s late';

/** Two clients that each keep a connection of their own see two processes of the server, always the same ones. */
export async function sharesConnections(url: string): Promise<boolean> {
  const options = { url, statementMs: STATEMENT_MS };
  const clients = [1, 2].map(() => new pg.Client(clientConfig(options)).on('error', () => {}));
  const seen = clients.map(() => new Set<number>());
  try {
    for (const client of clients) {
      await client.connect();
      // RDS Proxy keeps a connection for a client from its first SET on.
      await applySession(client, options);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, client] of clients.entries()) {
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
        for (const { pid } of rows) seen[i]?.add(pid);
      }
    }
  } finally {
    for (const client of clients) void client.end().catch(() => {});
  }
  return new Set(seen.flatMap((pids) => [...pids])).size !== 2 || seen.some(({ size }) => size !== 1);
}
