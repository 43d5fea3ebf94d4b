// Kills Mosquitto under load and restarts it. It loses rows that it acknowledged and did not forward, so only receipts reveal them.
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { after, World, worldMissing } from '../world.ts';

const KILLED_AFTER_MS = [200, 3_000] as const;
const AWAY_MS = [0, 4_000] as const;

export const broker: Campaign = {
  name: 'broker',
  what: 'kill -9 of Mosquitto under load and back, the agent goes on',
  defaultRuns: 5,
  missing: worldMissing,
  run: runBroker,
};

async function runBroker({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start();
  try {
    world.load.start();
    const agent = await world.agent();
    await world.sensing();
    for (let run = 1; run <= runs; run++) {
      const killedMs = random.between(...KILLED_AFTER_MS);
      const awayMs = random.between(...AWAY_MS);
      await after(killedMs);
      await world.bench.broker.kill();
      await after(awayMs);
      await world.bench.broker.restart();
      const { outbox } = await world.bench.status(({ link }) => link.state === 'connected');
      say(`run ${run}: killed after ${killedMs} ms, away for ${awayMs} ms, ${outbox.unconfirmed} rows unconfirmed when connected again`);
    }
    const { books, doubled, holes, failures, drainMs } = await world.finish(agent);
    say(
      `books: ${books.accepted} accepted, ${books.committed} committed, ${books.lost} lost, ${doubled} doubled, drained in ${drainMs} ms`,
    );
    const figures = {
      published: world.load.published.length,
      accepted: books.accepted,
      committed: books.committed,
      holes,
      drain_ms: drainMs,
    };
    return { runs, lost: books.lost, doubled, failures, figures };
  } finally {
    await world.stop();
  }
}
