// Measures how long the alerts of a healthy robot take from the broker's PUBACK to the family's stream beside each neighbour: another robot,
// a guesser of passwords, or a fault of the database. Every run has a cloud of its own.
import { messageOf } from '../../../src/base/index.ts';
import { mosquittoUnavailable } from '../../support/mosquitto.ts';
import { postgresUnavailable } from '../../support/postgres.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { Ground } from '../neighbours/ground.ts';
import { NEIGHBOURS, type Neighbour } from '../neighbours/kinds.ts';
import type { Told } from '../neighbours/robots.ts';
import { brokenBounds, type Observed, type Row, rowOf, tableOf } from '../neighbours/verdict.ts';
import type { Random } from '../random.ts';
import { after } from '../world.ts';

const FALLS = 12;
const FALL_EVERY_MS = 10_000;

export const neighbours: Campaign = {
  name: 'neighbours',
  what: `a healthy robot falls every 10 s beside each of ${Object.keys(NEIGHBOURS).length - 1} attackers and faults; the time from the PUBACK to the stream`,
  defaultRuns: 1,
  kinds: Object.keys(NEIGHBOURS),
  missing: () => mosquittoUnavailable() || postgresUnavailable(),
  run: runNeighbours,
};

async function runNeighbours({ runs, random, only, say }: Context): Promise<Outcome> {
  const failures: string[] = [];
  const rows: Row[] = [];
  for (const [kind, neighbour] of Object.entries(NEIGHBOURS).filter(([name]) => only?.includes(name) ?? true)) {
    const observed: Observed[] = [];
    for (let run = 1; run <= runs; run++) {
      const seen = await beside(neighbour, random).catch(
        (error: unknown) => void failures.push(`${kind}, run ${run}: ${messageOf(error)}`),
      );
      if (!seen) continue;
      observed.push(seen.observed);
      failures.push(...unsettled(kind, seen.told));
      say(`${kind}, run ${run}: ${JSON.stringify(seen.told)}`);
    }
    if (observed.length === 0) continue;
    const row = rowOf(kind, observed);
    rows.push(row);
    failures.push(...brokenBounds(row, neighbour));
    say(`${kind} (${neighbour.what}): p50 ${row.p50_ms} ms, p99 ${row.p99_ms} ms, ${row.memory_mib} MiB`);
  }
  for (const line of tableOf(rows)) say(line);
  const total = (of: 'lost' | 'doubled'): number => rows.reduce((sum, row) => sum + row[of], 0);
  return { runs, lost: total('lost'), doubled: total('doubled'), failures, figures: { rows } };
}

async function beside(neighbour: Neighbour, random: Random): Promise<{ readonly observed: Observed; readonly told: Told }> {
  const ground = await Ground.start();
  try {
    const end = await neighbour.begin(ground, random);
    let told: Told = {};
    try {
      await fallOften(ground, random);
    } finally {
      told = await end();
    }
    return { observed: await ground.observed(), told: { ...told, stream_breaks: ground.family.breaks } };
  } finally {
    await ground.stop();
  }
}

async function fallOften(ground: Ground, random: Random): Promise<void> {
  // The seed chooses the moment within the harm's period.
  await after(random.between(0, FALL_EVERY_MS));
  for (let n = 1; n <= FALLS; n++) {
    const next = after(FALL_EVERY_MS);
    await ground.fall();
    await next;
  }
}

function unsettled(kind: string, { robots, settled }: Told): string[] {
  return robots === settled ? [] : [`${kind}: ${settled} of ${robots} robots are settled`];
}
