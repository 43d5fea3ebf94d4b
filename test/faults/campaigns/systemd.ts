// Plays the faults of a robot's system in a real systemd. Each run plays every kind once in a random order while a node publishes. After
// each the agent must recover by itself, name the cause, and hold each accepted row; nothing confirms rows here.
import { mosquittoUnavailable } from '../../support/mosquitto.ts';
import { readOutboxFile } from '../../support/outboxFile.ts';
import { rosUnavailable } from '../../support/ros.ts';
import { UNIT } from '../../support/service.ts';
import { systemdMissing } from '../../support/systemd.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { fakeClockMissing } from '../fakeClock.ts';
import { shuffled } from '../random.ts';
import { KINDS, type Kind } from '../service/kinds.ts';
import { Robot } from '../service/robot.ts';

export const systemd: Campaign = {
  name: 'systemd',
  what: `${Object.keys(KINDS).join(', ').replaceAll('_', ' ')}, in a real systemd, of the agent as its Debian package installs it`,
  defaultRuns: 10,
  missing: () => systemdMissing() || rosUnavailable() || fakeClockMissing() || mosquittoUnavailable(),
  run: runSystemd,
};

async function runSystemd({ runs, random, say }: Context): Promise<Outcome> {
  const robot = await Robot.start();
  const failures: string[] = [];
  const kinds = Object.entries(KINDS).map(([name, kind]) => ({ name, kind, well: 0, slowestMs: 0 }));
  let ledger: Ledger = { accepted: 0, lost: 0, doubled: 0, integrity: 'ok' };
  try {
    await robot.heard();
    for (let run = 1; run <= runs; run++) {
      for (const each of shuffled(kinds, random)) {
        const startedMs = performance.now();
        const wrong = await once(robot, each.kind, random);
        if (wrong === undefined) each.well += 1;
        else failures.push(`run ${run}, ${each.name}: ${wrong}`);
        if (wrong !== undefined) say(String(failures.at(-1)));
        each.slowestMs = Math.max(each.slowestMs, Math.round(performance.now() - startedMs));
      }
      robot.systemctl('stop', UNIT);
      ledger = ledgerOf(robot);
      if (ledger.integrity !== 'ok') failures.push(`run ${run}: the outbox file: ${ledger.integrity}`);
      say(`run ${run}: ${ledger.accepted} rows taken, ${ledger.lost} lost, ${failures.length} failures`);
      robot.systemctl('start', UNIT);
    }
  } finally {
    await robot.stop();
  }
  const { accepted, lost, doubled } = ledger;
  const figure = (of: (kind: (typeof kinds)[number]) => number) => Object.fromEntries(kinds.map((kind) => [kind.name, of(kind)]));
  return {
    runs,
    lost,
    doubled,
    failures,
    figures: { accepted, well: figure(({ well }) => well), slowest_ms: figure(({ slowestMs }) => slowestMs) },
  };
}

/** @returns descriptions of the failures. */
async function once(robot: Robot, { does, causes }: Kind, random: Context['random']): Promise<string | undefined> {
  try {
    const load = robot.publish().catch(() => {});
    const ending = await does(robot, random);
    await load;
    await robot.heard();
    if (ending === undefined || causes.includes(ending.cause)) return undefined;
    return `its last run was ${ending.cause}: ${ending.text}\n${robot.bench.lab.journal(UNIT).slice(-3_000)}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface Ledger {
  readonly accepted: number;
  readonly lost: number;
  readonly doubled: number;
  readonly integrity: string;
}

function ledgerOf(robot: Robot): Ledger {
  const file = readOutboxFile(robot.stateDir);
  const accepted = [...file.accepted.values()].reduce((sum, last) => sum + last, 0);
  const names = new Set(file.rows.map(({ outbox, seq }) => `${outbox}/${seq}`));
  return { accepted, lost: accepted - names.size, doubled: file.rows.length - names.size, integrity: file.integrity };
}
