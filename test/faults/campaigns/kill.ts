// Kills the whole agent under load at random moments of its start and its work. After some kills it drains its outbox, and the three
// ledgers are compared.
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { World, worldMissing } from '../world.ts';

const EARLIEST_MS = 50;
const LATEST_MS = 1_500;
/** The events from which a kill's delay counts. Most count from the load; the others hit starts, recoveries and connects. */
const MOMENTS = ['process', 'started', 'load', 'load', 'load', 'load', 'load'] as const;
const RUNS_BETWEEN_BOOKS = 50;

export const kill: Campaign = {
  name: 'kill',
  what: 'kill -9 of the agent under load at random moments, real Mosquitto, cloud and PostgreSQL',
  defaultRuns: 20,
  missing: worldMissing,
  run: runKill,
};

async function runKill({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start();
  const failures: string[] = [];
  const totals = { lost: 0, doubled: 0, kills_under_load: 0, held_at_kill: 0 };
  let last = { accepted: 0, committed: 0, holes: 0, slowest_drain_ms: 0 };
  try {
    for (let run = 1; run <= runs; run++) {
      world.load.start();
      const moment = random.pick(MOMENTS);
      const delayMs = random.between(EARLIEST_MS, LATEST_MS);
      const agent = moment === 'process' ? world.bench.agent() : await world.agent();
      if (moment === 'load') await world.sensing();
      await Promise.race([agent.exited, new Promise((resolve) => setTimeout(resolve, delayMs))]);
      const early = agent.ended;
      await agent.kill();
      if (early) failures.push(`run ${run}: the agent ended by itself: ${agent.stderr.slice(-500)}`);
      const file = world.enter();
      if (file.integrity !== 'ok') failures.push(`run ${run}: the outbox file: ${file.integrity}`);
      totals.held_at_kill += file.rows.length;
      if (moment === 'load') totals.kills_under_load++;
      say(`run ${run}: killed ${delayMs} ms after ${moment}, ${file.rows.length} rows in the file`);
      if (run % RUNS_BETWEEN_BOOKS !== 0 && run !== runs) continue;
      const { books, doubled, holes, failures: found, drainMs } = await world.settle();
      for (const text of found) if (!failures.some((known) => known.endsWith(text))) failures.push(`books after run ${run}: ${text}`);
      totals.lost = Math.max(totals.lost, books.lost);
      totals.doubled = Math.max(totals.doubled, doubled);
      last = { accepted: books.accepted, committed: books.committed, holes, slowest_drain_ms: Math.max(last.slowest_drain_ms, drainMs) };
      say(
        `books: ${books.accepted} accepted, ${books.committed} committed, ${books.lost} lost, ${doubled} doubled, drained in ${drainMs} ms`,
      );
    }
  } finally {
    await world.stop();
  }
  const { lost, doubled, ...rest } = totals;
  return { runs, lost, doubled, failures, figures: { published: world.load.published.length, ...last, ...rest } };
}
