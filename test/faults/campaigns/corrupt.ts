// Damages the outbox's files between two starts. The agent must start, report the damage, keep each readable row, set the damaged file
// aside and deliver; it must declare each missing row. Each run starts with rows that the cloud does not have.
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../../../scripts/lab/program.ts';
import type { OutboxFile } from '../../support/outboxFile.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { checkpoint, DAMAGES, type Damage, readableRows } from '../damage.ts';
import type { Random } from '../random.ts';
import { after, World, worldMissing } from '../world.ts';

const OFFLINE_MS = [700, 1_500] as const;
const DRAINED_WITHIN_MS = 30_000;
/** A closed port, so that the robot is offline. */
const NOWHERE = { AWS_IOT_ENDPOINT: 'localhost:1' };

export const corrupt: Campaign = {
  name: 'corrupt',
  what: `${DAMAGES.length} kinds of damage to the outbox's files between two starts, with rows held`,
  defaultRuns: DAMAGES.length,
  missing: worldMissing,
  run: runCorrupt,
};

interface Found {
  readonly refused: boolean;
  readonly unsaid: number;
  readonly dropped: number;
  readonly text: string;
}

async function runCorrupt({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start();
  const failures: string[] = [];
  const tally = { refused_starts: 0, readable_rows_not_kept: 0, rows_gone_without_a_word: 0, rows_gone_with_a_torn_wal: 0 };
  try {
    for (let run = 1; run <= runs; run++) {
      const damage = DAMAGES[(run - 1) % DAMAGES.length] as Damage;
      const file = await hold(world, random);
      const { refused, unsaid, dropped, text } = await damaged(world, damage, file, random).catch(
        (error: unknown): Found => ({
          refused: false,
          unsaid: 0,
          dropped: 0,
          text: error instanceof Error ? error.message : String(error),
        }),
      );
      if (refused) tally.refused_starts++;
      if (damage.tornWal) tally.rows_gone_with_a_torn_wal += unsaid;
      else tally.rows_gone_without_a_word += unsaid;
      tally.readable_rows_not_kept += dropped;
      const line = `run ${run}: ${damage.name}, ${file.rows.length} rows held: ${text || 'well'}`;
      if (text) failures.push(line);
      say(line);
    }
  } finally {
    await world.stop();
  }
  return { runs, lost: tally.readable_rows_not_kept + tally.rows_gone_without_a_word, doubled: 0, failures, figures: tally };
}

/** Runs an offline robot, lets it store rows, and kills it. */
async function hold(world: World, random: Random): Promise<OutboxFile> {
  rmSync(world.bench.stateDir, { recursive: true, force: true });
  world.load.start();
  const agent = await world.agent(NOWHERE);
  await world.sensing();
  await after(random.between(...OFFLINE_MS));
  await world.load.pause();
  await agent.kill();
  return world.enter();
}

async function damaged(world: World, damage: Damage, before: OutboxFile, random: Random): Promise<Found> {
  const { stateDir } = world.bench;
  const file = join(stateDir, 'outbox.db');
  if (damage.checkpointed) checkpoint(file);
  damage.apply(file, random);
  const readable = readableFrom(stateDir);
  const agent = world.bench.agent();
  const started = await agent.event('started').then(
    () => true,
    () => false,
  );
  if (!started) {
    await agent.kill();
    if (damage.refusal?.test(agent.stderr)) return { refused: false, unsaid: 0, dropped: 0, text: '' };
    return { refused: true, unsaid: 0, dropped: 0, text: `it does not start: ${lastWords(agent)}` };
  }
  const wrong: string[] = [];
  await world.drained(DRAINED_WITHIN_MS).catch(() => wrong.push('not drained'));
  await agent.stop();
  const there = await world.rowNames();
  const missing = before.rows.filter(({ outbox, seq }) => !there.has(`${outbox}/${seq}`));
  const dropped = missing.filter(({ outbox, seq }) => readable.has(`${outbox}/${seq}`)).length;
  const said = agent.lines.some(
    ({ level, event, code }) => ['warn', 'error', 'fatal'].includes(String(level)) && /outbox|damage/.test(`${event} ${code}`),
  );
  if (dropped > 0) wrong.push(`${dropped} readable rows were not kept`);
  if (missing.length > 0 && !said && !damage.tornWal) wrong.push(`${missing.length} rows are gone without a word`);
  const wasThere = !damage.removesWal;
  const aside = readdirSync(stateDir).some(
    (name) => name.startsWith('outbox') && !['outbox.db', 'outbox.db-wal', 'outbox.db-shm'].includes(name),
  );
  if (missing.length > 0 && wasThere && !damage.tornWal && !aside) wrong.push('the damaged file was not set aside');
  return { refused: false, unsaid: said ? 0 : missing.length, dropped, text: wrong.join('; ') };
}

/** Reads a copy, because opening a WAL database changes it. */
function readableFrom(stateDir: string): Set<string> {
  const copy = mkdtempSync(join(tmpdir(), 'elderly-bot-damaged-'));
  try {
    cpSync(stateDir, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    return readableRows(join(copy, 'outbox.db'));
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function lastWords(agent: Program): string {
  const [first = JSON.stringify(agent.lines.at(-1) ?? 'not a word')] = agent.stderr.split('\n').filter(Boolean);
  return first.slice(0, 200);
}
