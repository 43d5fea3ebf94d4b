// Lets a fleet return within a minute at a broker with the quota of AWS IoT Core, which discards what is above. Nothing that the cloud
// publishes may be discarded, and each row of each robot must have its receipt within five minutes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { CloudProcess } from '../../../cloud/test/support/process.ts';
import { Mosquitto, mosquittoUnavailable } from '../../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../../support/postgres.ts';
import { QuotaProxy } from '../../support/quotaProxy.ts';
import { until } from '../../support/until.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { ReturningFleet } from '../returningFleet.ts';

const ROBOTS = 3_000;
const WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 300_000;
/** AWS IoT Core: publish requests a second of one connection. */
const QUOTA = 100;

/** `both` also counts the messages that the broker delivers to the cloud. Then the quota discards messages of robots too. */
const KINDS = ['published', 'both'] as const;

export const returning: Campaign = {
  name: 'returning',
  what: `${ROBOTS} robots return within a minute at a broker that discards more than ${QUOTA} publications a second of a connection`,
  defaultRuns: 1,
  kinds: KINDS,
  missing: () => mosquittoUnavailable() || postgresUnavailable(),
  run: async ({ runs, only = ['published'], say }) => {
    const outcomes: Outcome[] = [];
    for (let run = 0; run < runs; run++) for (const kind of only) outcomes.push(await returnOnce(kind === 'both', say));
    return {
      runs: outcomes.length,
      lost: Math.max(...outcomes.map(({ lost }) => lost)),
      doubled: Math.max(...outcomes.map(({ doubled }) => doubled)),
      failures: outcomes.flatMap(({ failures }) => failures),
      figures: { each: outcomes.map(({ figures }) => figures) },
    };
  },
};

async function returnOnce(bothWays: boolean, say: Context['say']): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-returning-'));
  const [postgres, broker] = await Promise.all([Postgres.start({ durable: true }), Mosquitto.start({ lines: ['max_queued_messages 0'] })]);
  const proxy = await QuotaProxy.start(broker.port, { perSecond: QUOTA, bothWays });
  const cloud = new CloudProcess(
    { AWS_IOT_ENDPOINT: `mqtt://127.0.0.1:${proxy.port}`, DATABASE_URL: postgres.url, TOPIC_PATTERN: 'fleet/+', PORT: '0' },
    folder,
  );
  const fleet = await ReturningFleet.connect(broker.port, ROBOTS);
  const database = new pg.Client({ connectionString: postgres.url });
  const failures: string[] = [];
  try {
    await cloud.url();
    await database.connect();
    const startedMs = performance.now();
    await fleet.return(WITHIN_MS);
    say(`all returned; ${fleet.unsettled} of ${ROBOTS} wait for receipts`);
    const patience = { patienceMs: SETTLED_WITHIN_MS - (performance.now() - startedMs), everyMs: 1_000 };
    await until(() => fleet.unsettled === 0, 'each row has its receipt', patience).catch((error: Error) => failures.push(error.message));
    const settledS = (performance.now() - startedMs) / 1_000;
    const { rows } = await database.query('select count(*)::int as n, count(distinct (thing, seq))::int as once from readings');
    const [{ n, once }] = rows as [{ n: number; once: number }];
    const accepted = fleet.robots.reduce((sum, robot) => sum + robot.rows, 0);
    if (proxy.counts.in.discarded > 0) failures.push(`the broker discarded ${proxy.counts.in.discarded} publications of the cloud`);
    const warned = new Set(cloud.lines.filter(({ level }) => level !== 'info').map(({ event, reason }) => `${event} (${reason})`));
    if (failures.length > 0) failures.push(`the cloud warned: ${[...warned].join('; ')}`);
    const times = fleet.robots.map((robot) => robot.times);
    const figures = {
      quota: bothWays ? 'both ways' : 'published',
      unsettled: fleet.unsettled,
      settled_s: settledS,
      published: proxy.counts.in,
      delivered: proxy.counts.out,
      presence_ms: spread(times.map(({ presence }) => presence)),
      alert_ms: spread(fleet.robots.filter(({ hasAlert }) => hasAlert).map((robot) => robot.times.alert)),
      settled_ms: spread(times.map(({ settled }) => settled)),
    };
    say(JSON.stringify(figures));
    return { runs: 1, lost: accepted - once, doubled: n - once, failures, figures };
  } finally {
    await fleet.stop();
    await database.end();
    cloud.kill('SIGTERM');
    await cloud.ended();
    await Promise.all([proxy.stop(), broker.stop(), postgres.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param values undefined if it never happened. */
function spread(values: readonly (number | undefined)[]): Record<string, number> {
  const known = values.filter((value) => value !== undefined).sort((one, other) => one - other);
  const at = (part: number): number => Math.round(known[Math.min(known.length - 1, Math.floor(part * known.length))] ?? Number.NaN);
  return { missing: values.length - known.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
