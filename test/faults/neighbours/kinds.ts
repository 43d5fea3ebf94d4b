// The kinds of neighbours: attackers and faults that must not delay the alerts of a healthy robot.
import { ROOT } from '../../../scripts/lab/program.ts';
import type { Random } from '../random.ts';
import { blackHole, failover, lockRows, restart, retention, type Trouble } from './database.ts';
import type { Ground } from './ground.ts';
import { guessPasswords } from './logins.ts';
import type { Told } from './robots.ts';
import type { Bounds } from './verdict.ts';

/** Ends the neighbour. @returns its figures. */
export type EndNeighbour = () => Promise<Told>;

export interface Neighbour extends Bounds {
  readonly what: string;
  /** Resolves when the harm has begun. */
  readonly begin: (ground: Ground, random: Random) => Promise<EndNeighbour>;
}

const ALERT_MS = 2_000;
/** docs/reference/limits.md: a connection that leads nowhere, or a database that fails over, delays an alert by at most this time. */
const FAILOVER_MS = 15_000;
const SETTLED_WITHIN_MS = 300_000;

export const NEIGHBOURS: Readonly<Record<string, Neighbour>> = {
  nobody: { what: 'no neighbour, for comparison', p99Ms: ALERT_MS, begin: async () => async () => ({}) },
  locked: {
    what: 'a robot that raises an alert each second while a row of it is locked for 32 s, in one table after the other',
    p99Ms: ALERT_MS,
    begin: async (ground, random) => {
      const robot = await hostile('locked')(ground, random);
      const locks = await troubled(lockRows)(ground, random);
      return async () => ({ ...(await locks()), ...(await robot()) });
    },
  },
  backlog: { what: '36 messages of 5,000 readings at once, every 15 s', p99Ms: ALERT_MS, begin: hostile('backlog') },
  inflated: { what: '40 messages of 4 KB with 170,000 readings each at once, every 5 s', p99Ms: ALERT_MS, begin: hostile('inflated') },
  flooding: {
    what: '100 messages a second, of which 90 inflate to 2 MB and 10 have an alert',
    p99Ms: ALERT_MS,
    begin: hostile('flooding'),
  },
  passwords: {
    what: '180 wrong logins from three new addresses at once, every 10 s',
    p99Ms: ALERT_MS,
    begin: async ({ origin }) => endless((until) => guessPasswords(origin, until)),
  },
  impostor: {
    what: 'a robot that publishes in the name of the healthy one under two other prefixes',
    p99Ms: ALERT_MS,
    begin: hostile('impostor'),
  },
  endless: {
    what: 'a robot with ever new outboxes, channels, gaps and poison, 100 messages a second',
    p99Ms: ALERT_MS,
    begin: hostile('endless'),
  },
  returning: {
    what: '3,000 robots that return within a minute, with 200 rows each; all are settled within 5 minutes',
    p99Ms: ALERT_MS,
    begin: hostile('returning', SETTLED_WITHIN_MS),
  },
  failover: { what: 'the primary becomes read-only and its standby is promoted', p99Ms: FAILOVER_MS, begin: troubled(failover) },
  black_hole: { what: 'the connections to PostgreSQL lead nowhere, every 25 s', p99Ms: FAILOVER_MS, begin: troubled(blackHole) },
  restart: { what: 'kill -9 of PostgreSQL, back after 0.5 to 3 s, every 25 s', p99Ms: FAILOVER_MS, begin: troubled(restart) },
  retention: {
    what: 'another instance makes and drops months beside a pg_dump that takes 20 s',
    p99Ms: ALERT_MS,
    begin: troubled(retention),
  },
};

/** @param settlesMs lets the harm end by itself within this time. */
function hostile(kind: string, settlesMs = 0): Neighbour['begin'] {
  return async ({ bench, plainPort }) => {
    const life = `${ROOT}test/faults/neighbours/hostileLife.ts`;
    const robots = bench.run(kind, process.execPath, ['--import', 'tsx', life, kind, String(plainPort)]);
    await robots.event('harming', undefined, BEGUN_WITHIN_MS);
    return async () => {
      if (settlesMs > 0) await robots.event('harmed', undefined, settlesMs).catch(() => {});
      robots.endOrders();
      const { event, ...told } = await robots.event('harmed', undefined, BEGUN_WITHIN_MS);
      return told as Told;
    };
  };
}

function troubled(trouble: (given: Trouble) => Promise<Told>): Neighbour['begin'] {
  return async (ground, random) => endless((until) => trouble({ ground, random, until }));
}

function endless(work: (until: AbortSignal) => Promise<Told>): EndNeighbour {
  const until = new AbortController();
  const working = work(until.signal);
  // Its error is thrown at the end.
  working.catch(() => {});
  return () => {
    until.abort();
    return working;
  };
}

const BEGUN_WITHIN_MS = 120_000;
