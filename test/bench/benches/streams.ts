// Measures the CPU time of 300 event streams, each of its own robot with a change in 5 s, for Node.js and PostgreSQL together. The same
// writes without a stream are measured too and subtracted. The other way has one look at the database per stream.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { Database } from '../../../cloud/src/database/database.ts';
import { migrate } from '../../../cloud/src/database/migrate.ts';
import { postgresDatabase } from '../../../cloud/src/database/postgres.ts';
import { ChangeNotifier } from '../../../cloud/src/stream/index.ts';
import { Postgres } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';
import type { Bench, Context, Findings } from '../bench.ts';
import { median } from '../figures.ts';
import { cpuSeconds, cpuSecondsOfServer } from '../process.ts';

const STREAMS = 300;
const EVENT_EVERY_MS = 5_000;
const RUN_MS = 30_000;
const PEER = fileURLToPath(new URL('../peers/streams.ts', import.meta.url));
const WAYS = ['shared', 'own', 'none'] as const;
const THINGS = Array.from({ length: STREAMS }, (_, i) => `robot-${String(i).padStart(3, '0')}`);

interface Run {
  /** CPU seconds per second. */
  readonly node: number;
  readonly postgres: number;
  /** Events that came, of those that were written. */
  readonly received: number;
  readonly written: number;
}

async function measured(db: Database, server: Postgres, userId: number, way: (typeof WAYS)[number]): Promise<Run> {
  const peer = spawn(process.execPath, ['--import', 'tsx', PEER, server.url, String(userId), way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const clients: IncomingMessage[] = [];
  const notifier = new ChangeNotifier(db, pino({ level: 'silent' }));
  let received = 0;
  let opened = 0;
  try {
    const port = Number(String((await once(peer.stdout, 'data'))[0]));
    for (const thing of way === 'none' ? [] : THINGS) {
      const [client] = (await once(get({ host: '127.0.0.1', port, path: `/${thing}`, agent: false }), 'response')) as [IncomingMessage];
      client.setEncoding('utf8').on('data', (text: string) => {
        received += text.match(/^event: state$/gm)?.length ?? 0;
        if (text.includes('event:')) opened++;
      });
      clients.push(client);
    }
    await until(() => opened >= clients.length, 'each stream has the current state');
    received = 0;
    const before = usage(peer, server);
    const written = await write(db, notifier);
    await until(() => clients.length === 0 || received >= written, 'each event came');
    const after = usage(peer, server);
    const rate = (part: 'node' | 'postgres'): number => (after[part] - before[part]) / (after.seconds - before.seconds);
    return { node: rate('node'), postgres: rate('postgres'), received, written };
  } finally {
    for (const client of clients) client.destroy();
    peer.kill('SIGKILL');
    await notifier.stop();
  }
}

/** Each robot's state changes every 5 s, the robots one after the other. */
async function write(db: Database, notifier: ChangeNotifier): Promise<number> {
  const startedMs = performance.now();
  let written = 0;
  for (let dueMs = 0; dueMs < RUN_MS; dueMs += EVENT_EVERY_MS / STREAMS) {
    await pause(Math.max(0, startedMs + dueMs - performance.now()));
    const thing = THINGS[written % STREAMS] ?? '';
    const state = JSON.stringify({ battery: 50, fall: false, temperature: written });
    await db.query('update robots set state = $2::jsonb, state_xid = pg_current_xact_id() where thing = $1', [thing, state]);
    notifier.changed([thing]);
    written++;
  }
  return written;
}

function usage(peer: ChildProcess, server: Postgres): { node: number; postgres: number; seconds: number } {
  return { node: cpuSeconds(peer.pid ?? 0), postgres: cpuSecondsOfServer(server.pid), seconds: performance.now() / 1_000 };
}

async function run({ rounds, say }: Context): Promise<Findings> {
  const server = await Postgres.start({ durable: true });
  const db = postgresDatabase({ url: server.url, connections: 1 });
  try {
    await migrate(db);
    const [user] = await db.query<{ id: number }>(`insert into users (phone, hashed_password) values ('1', 'x') returning id`);
    const userId = user?.id ?? 0;
    await db.query('insert into members (thing, user_id) select t, $2 from unnest($1::text[]) as t', [THINGS, userId]);
    await db.query(
      `insert into robots (thing, prefix, state, state_seq, state_xid) select t, t, '{}', 1, pg_current_xact_id() from unnest($1::text[]) as t`,
      [THINGS],
    );
    const runs: Record<(typeof WAYS)[number], Run[]> = { shared: [], own: [], none: [] };
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) {
        const one = await measured(db, server, userId, way);
        runs[way].push(one);
        say(
          `${way}: Node.js ${one.node.toFixed(3)}, PostgreSQL ${one.postgres.toFixed(3)} cores; ${one.received} of ${one.written} events`,
        );
      }
    }
    const cores = (way: (typeof WAYS)[number], part: 'node' | 'postgres'): number => median(runs[way].map((each) => each[part]));
    const total = (way: (typeof WAYS)[number]): number => cores(way, 'node') + cores(way, 'postgres');
    return {
      figures: {
        streams: STREAMS,
        events_per_s: (STREAMS * 1_000) / EVENT_EVERY_MS,
        node_cores: cores('shared', 'node'),
        postgres_cores: cores('shared', 'postgres'),
        cores_with_own_looks: total('own'),
        cores_of_the_writes: total('none'),
      },
      targets: [
        { name: 'cores of Node.js and PostgreSQL, the writes included', value: total('shared'), atMost: 0.3 },
        {
          name: 'cores without the writes / one look per stream',
          value: (total('shared') - total('none')) / (total('own') - total('none')),
          atMost: 0.7,
        },
      ],
    };
  } finally {
    await db.close();
    await server.stop();
  }
}

export const streams: Bench = { name: 'streams', what: 'CPU time of 300 event streams, beside one look at the database per stream', run };
