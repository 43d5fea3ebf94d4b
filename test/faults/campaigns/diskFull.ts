// Fills the disk of the state directory under load and frees it again. The agent must keep running, answer, stay small and deliver alerts,
// and deliver everything afterwards. In every third run it is killed and started while the disk is full.
import { readFileSync, rmSync } from 'node:fs';
import type { Program } from '../../../scripts/lab/program.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import { fillUp, Volume } from '../volume.ts';
import { after, World, worldMissing } from '../world.ts';

const DISK_BYTES = 48 * 1024 ** 2;
const CONFIGURATION = '\noutbox:\n  max_size: 16MiB\n';
const FULL_MS = [1_500, 4_000] as const;
const RESTART_EVERY = 3;
/** The memory that a few seconds of waiting readings may use. */
const MOST_GROWTH_BYTES = 96 * 1024 ** 2;
const ANSWERS_WITHIN_MS = 5_000;
const BETTER_WITHIN_MS = 15_000;

export const diskFull: Campaign = {
  name: 'disk-full',
  what: 'the disk of the state directory fills up under load, and is freed again',
  defaultRuns: 6,
  missing: () => needsRoot() || worldMissing(),
  run: runDiskFull,
};

async function runDiskFull({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start(CONFIGURATION);
  const failures: string[] = [];
  const tally = { alerts_through_a_full_disk: 0, restarts_while_full: 0, refused_starts: 0, most_growth_mib: 0 };
  let volume: Volume | undefined;
  const alerts = async (): Promise<number> => {
    const { rows } = await world.database.query<{ n: string }>('select count(*) as n from readings where alert is not null');
    return Number(rows[0]?.n ?? 0);
  };
  try {
    volume = await Volume.ext4(world.bench.stateDir, DISK_BYTES);
    let agent = await world.agent();
    for (let run = 1; run <= runs; run++) {
      const fail = (text: string): void => void failures.push(`run ${run}: ${text}`);
      world.load.start();
      await world.sensing();
      const bytesBefore = memoryBytes(agent);
      const fullMs = random.between(...FULL_MS);
      const filler = fillUp(world.bench.stateDir);
      await after(500);
      const alertsBefore = await alerts();
      await after(fullMs);
      const status = await world.bench.status(() => true, ANSWERS_WITHIN_MS).catch(() => fail('no status while the disk is full'));
      const through = (await alerts()) - alertsBefore;
      tally.alerts_through_a_full_disk += through;
      if (through === 0) fail('no alert got through while the disk was full');
      const named = status?.problems.some(({ code }) => /outbox|disk/.test(code));
      if (status && !named && status.outbox.evicted === 0 && through === 0) fail('status names no problem while the disk is full');
      const growth = memoryBytes(agent) - bytesBefore;
      tally.most_growth_mib = Math.max(tally.most_growth_mib, Math.round(growth / 1024 ** 2));
      if (growth > MOST_GROWTH_BYTES) fail(`the agent grew by ${growth} bytes`);
      if (agent.ended) fail(`the agent ended by itself: ${agent.stderr.slice(-500)}`);
      if (run % RESTART_EVERY === 0) {
        tally.restarts_while_full++;
        await agent.kill();
        world.enter();
        agent = world.bench.agent();
        await agent.event('started').catch((error: unknown) => {
          tally.refused_starts++;
          fail(`it does not start while the disk is full: ${error instanceof Error ? error.message : String(error)}`);
        });
      }
      rmSync(filler);
      if (agent.ended) agent = await world.agent();
      await world.bench
        .status(({ problems }) => !problems.some(({ code }) => /outbox|disk/.test(code)), BETTER_WITHIN_MS)
        .catch(() => fail(`the problem still stands ${BETTER_WITHIN_MS} ms after there was room again`));
      say(`run ${run}: full for ${fullMs} ms, ${through} alerts through, grew by ${Math.round(growth / 1024 ** 2)} MiB`);
    }
    const { books, doubled, holes, failures: found, drainMs } = await world.finish(agent);
    failures.push(...found);
    say(`books: ${books.accepted} accepted, ${books.committed} committed, ${books.evicted} evicted, ${books.lost} lost, ${holes} holes`);
    const { accepted, committed, evicted } = books;
    return {
      runs,
      lost: books.lost + holes,
      doubled,
      failures,
      figures: { ...tally, accepted, committed, evicted, holes, drain_ms: drainMs },
    };
  } finally {
    await world.bench.endPrograms();
    await volume?.unmount();
    await world.stop();
  }
}

function memoryBytes(program: Program): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${program.pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? 0) * 1024;
}
