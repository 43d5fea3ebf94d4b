// Makes the disk of the state directory read-only under the running agent, as the kernel does after an error, with a fall before, during and
// after it. In half of the runs the agent is then killed and started on the read-only disk. Each fall must reach the cloud, once. Afterwards
// the disk is repaired, and the agent goes back to it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { claimDomain } from '../../../scripts/lab/domain.ts';
import { Bench } from '../../support/bench.ts';
import { Postgres } from '../../support/postgres.ts';
import { RosPeer } from '../../support/ros.ts';
import { eventually } from '../../support/until.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import { Volume } from '../volume.ts';
import { after, worldMissing } from '../world.ts';

const MIB = 1024 ** 2;
const TEXT = 'std_msgs/msg/String';
const WITHIN_MS = 60_000;
/** A fall is published up to this long after the disk failed: before the agent moves, while it moves, and afterwards. */
const LATEST_MS = 6_000;

/** A started agent sees a publisher before that sees the agent. */
const MATCHED_WITHIN_MS = 3_000;

const CONFIGURATION = `  cry: { topic: /cry, type: ${TEXT}, class: alert, event: true, clear_after: 1s, alert_when: "!= none" }\n`;

export const readOnly: Campaign = {
  name: 'read-only',
  what: 'the disk of the state directory becomes read-only, with falls around it and a restart in half of the runs',
  defaultRuns: 20,
  missing: () => needsRoot() || worldMissing(),
  run: runReadOnly,
};

async function runReadOnly({ runs, random, say }: Context): Promise<Outcome> {
  const domain = await claimDomain();
  const [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
  const url = await postgres.createDatabase();
  bench.configure(CONFIGURATION);
  await bench.cloud({ url });
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  const peer = await RosPeer.start();
  await peer.advertise('/cry', TEXT);
  const runtime = mkdtempSync(join(tmpdir(), 'elderly-bot-runtime-'));
  process.env.RUNTIME_DIRECTORY = runtime;
  const memory = await Volume.tmpfs(runtime, 128 * MIB);
  const disk = await Volume.ext4(bench.stateDir, 64 * MIB);
  const failures: string[] = [];
  const published: string[] = [];
  const latencies: number[] = [];
  const listens = () =>
    bench.status(
      ({ link, channels }) => link.state === 'connected' && channels.some(({ name, state }) => name === 'cry' && state === 'published'),
    );
  const received = async () => {
    const query = `select value, count(*)::int as times from readings where channel = 'cry' and alert = 'raised' group by value`;
    const { rows } = await database.query<{ value: string; times: number }>(query);
    return new Map(rows.map(({ value, times }) => [value, times]));
  };
  const arrives = async (name: string, sinceMs: number) => {
    await eventually(
      async () => (await received()).has(name),
      (has) => has,
      name,
      { patienceMs: WITHIN_MS },
    ).then(
      () => latencies.push(Math.round(performance.now() - sinceMs)),
      () => failures.push(`${name} did not reach the cloud in ${WITHIN_MS} ms`),
    );
  };
  let heard = 0;
  /** The alert of the last cry must be over, so that this one raises another. */
  const cry = async (name: string) => {
    await bench.status(({ channels }) => channels.some((channel) => channel.name === 'cry' && !channel.alert), WITHIN_MS);
    const sinceMs = performance.now();
    published.push(name);
    await peer.publish('/cry', TEXT, { data: name });
    heard++;
    return arrives(name, sinceMs);
  };
  try {
    for (let run = 1; run <= runs; run++) {
      let agent = bench.agent();
      await agent.event('connected');
      await peer.matched('/cry');
      await listens();
      const early = agent.lines.find(({ event }) => event === 'storage_failed' || event === 'start_failed');
      if (early) failures.push(`run ${run}: the repaired disk failed: ${JSON.stringify(early)}`);
      const { problems: first } = await bench.status(() => true);
      if (first.some(({ code }) => code === 'storage_failed')) failures.push(`run ${run}: ${JSON.stringify(first)}`);
      await cry(`run ${run}, before`);
      await bench.status(({ outbox }) => outbox.unconfirmed === 0, WITHIN_MS);
      await disk.abort();
      const delayMs = random.between(0, LATEST_MS);
      await after(delayMs);
      await cry(`run ${run}, ${delayMs} ms after the disk failed`);
      const isRestart = run % 2 === 0;
      if (isRestart) {
        await agent.kill();
        agent = bench.agent();
        await agent.event('connected');
        await listens();
        await after(MATCHED_WITHIN_MS);
        await cry(`run ${run}, after the restart`);
      }
      const { problems } = await bench.status(() => true);
      if (!problems.some(({ code }) => code === 'storage_failed')) failures.push(`run ${run}: status does not name the failed disk`);
      await agent.kill();
      await disk.repair();
      say(
        `run ${run}: the disk failed, a cry after ${delayMs} ms${isRestart ? ', a restart' : ''}; latest ${latencies.slice(-3).join(', ')} ms`,
      );
    }
    const agent = bench.agent();
    await bench.status(
      ({ outbox, problems }) => outbox.unconfirmed === 0 && problems.every(({ code }) => code !== 'storage_failed'),
      240_000,
    );
    await agent.stop();
    const times = await received();
    const lost = published.filter((name) => !times.has(name)).length;
    const doubled = [...times.values()].filter((count) => count > 1).length;
    const sorted = latencies.toSorted((a, b) => a - b);
    const figures = { alerts: heard, p50_ms: sorted[Math.floor(sorted.length / 2)] ?? 0, slowest_ms: sorted.at(-1) ?? 0 };
    say(`${published.length} alerts, ${lost} undelivered, ${doubled} doubled; p50 ${figures.p50_ms} ms, slowest ${figures.slowest_ms} ms`);
    return { runs, lost, doubled, failures, figures };
  } finally {
    await bench.endPrograms();
    await disk.unmount();
    await memory.unmount();
    rmSync(runtime, { recursive: true, force: true });
    delete process.env.RUNTIME_DIRECTORY;
    await peer.close();
    await database.end();
    await bench.stop();
    await postgres.stop();
    await domain.release();
  }
}
