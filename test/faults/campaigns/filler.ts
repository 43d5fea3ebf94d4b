// Fills the outbox or its disk with one thing after the other, and then lets the person fall, beside a whole agent with ROS, Mosquitto, the
// cloud and PostgreSQL. Every fall must reach the database.
import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CommandJournal, isDiskFull, type NewRow, Notes, openOutbox, UploadRows } from '../../../src/outbox/index.ts';
import { Lifetime } from '../../../src/state/index.ts';
import { Caller } from '../../support/caller.ts';
import { ManualClock } from '../../support/outbox.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import type { Random } from '../random.ts';
import { fillUp, Volume } from '../volume.ts';
import { after, World, worldMissing } from '../world.ts';

const MIB = 1024 ** 2;
const DISK_BYTES = 48 * MIB;
const OUTBOX_BYTES = 8 * MIB;
const CONFIGURATION = '\noutbox:\n  max_size: 8MiB\n';
const BOOL = 'std_msgs/msg/Bool';
/** The alerts take turns, because one that comes and goes is reported less often. */
const ALERTS = ['fall', 'fire', 'gas'] as const;
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 100;

interface Scene {
  readonly world: World;
  readonly caller: Caller;
  readonly random: Random;
}

type OpenedOutbox = ReturnType<typeof openOutbox>;

/** `before` runs while the agent is stopped, `beside` while it runs. */
type Filler = { readonly before: (opened: OpenedOutbox) => void } | { readonly beside: (scene: Scene) => unknown };

const FILLERS: Readonly<Record<string, Filler>> = {
  ids: {
    before: ({ db }) => {
      const journal = new CommandJournal(db, () => 0);
      untilFull((n) => {
        if (journal.full() !== undefined) return false;
        db.transaction(() => {
          for (let i = 0; i < 500; i++) journal.begin(`${n}-${i}`.padEnd(64, 'x'), 'ping', 0);
        })();
        return true;
      });
    },
  },
  results: rows((id) => ({ class: 'result', body: { kind: 'result', id, status: 'done', detail: 'x'.repeat(450) } })),
  events: rows((text) => ({
    class: 'event',
    body: { kind: 'problem', code: 'x', severity: 'error', state: 'raised', text: text.padEnd(450) },
  })),
  telemetry: rows((text) => ({ class: 'telemetry', channel: 'note', value: text.padEnd(450) })),
  alerts: rows((text) => ({ class: 'alert', channel: 'stranger', value: text.padEnd(450), extra: { alert: 'raised' } })),
  uploads: {
    before: ({ db }) => {
      const uploads = new UploadRows(db);
      untilFull((n) => {
        db.transaction(() => {
          for (let i = 0; i < 500; i++)
            uploads.add({ file: `${n}-${i}`.padEnd(200, 'x'), kind: 'log', size: 1, sha256: '', takenAtMs: 0, incident: null, ranMs: 0 });
        })();
        return true;
      });
    },
  },
  notes: {
    before: ({ db }) => {
      const notes = new Notes(db);
      untilFull((n) => {
        notes.write(`filler ${n}`, 'x'.repeat(200_000));
        return true;
      });
    },
  },
  stops: { beside: (scene) => flood(scene, (id) => ({ command: 'stop', id })) },
  refused: { beside: (scene) => flood(scene, (id) => ({ command: 'open_door', id })) },
  without_id: { beside: (scene) => flood(scene, (text) => ({ command: 'buzzer', value: text.padEnd(4_000) })) },
  log_files: { beside: ({ world }) => fillFolder(world, 'logs', 'agent-99999999.log') },
  pictures: { beside: ({ world }) => fillFolder(world, 'uploads', '99.part') },
  core: { beside: ({ world }) => fillFolder(world, '', 'core') },
};

export const filler: Campaign = {
  name: 'filler',
  what: 'the outbox or its disk is filled with each thing that can fill it, and then the person falls',
  defaultRuns: 10,
  kinds: Object.keys(FILLERS),
  missing: () => needsRoot() || worldMissing(),
  run: runFiller,
};

async function runFiller({ runs, random, only, say }: Context): Promise<Outcome> {
  const failures: string[] = [];
  const slowest: Record<string, number> = {};
  let undelivered = 0;
  for (let run = 1; run <= runs; run++) {
    for (const name of only ?? Object.keys(FILLERS)) {
      const tookMs = await fallAfter(name, random).catch((error: unknown) => {
        failures.push(`run ${run}, ${name}: ${error instanceof Error ? error.message : String(error)}`);
        undelivered += 1;
      });
      if (tookMs === undefined) continue;
      slowest[name] = Math.max(slowest[name] ?? 0, tookMs);
      say(`run ${run}, ${name}: the alert was in the database after ${tookMs} ms`);
    }
  }
  say(`undelivered = ${undelivered}`);
  return { runs, lost: undelivered, doubled: 0, failures, figures: { undelivered, slowest_ms: slowest } };
}

/** @returns the time from the alert's message to its row in the database. */
async function fallAfter(name: string, random: Random): Promise<number> {
  const world = await World.start(CONFIGURATION);
  const { stateDir } = world.bench;
  let [volume, caller]: [Volume?, Caller?] = [];
  try {
    volume = await Volume.ext4(stateDir, DISK_BYTES);
    const found = FILLERS[name];
    if (found && 'before' in found) fillOutbox(stateDir, found.before);
    const agent = await world.agent();
    await world.bench.status(({ link }) => link.state === 'connected', PATIENCE_MS);
    await heard(world);
    caller = await Caller.connect(world.bench.broker.port, world.bench.files);
    if (found && 'beside' in found) await found.beside({ world, caller, random });
    await after(random.between(0, 1_000));
    return await alert(world, random.pick(ALERTS)).catch((error: unknown) => {
      const last = agent.lines.slice(-8).map((line) => JSON.stringify(line).slice(0, 400));
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${last.join('\n')}\n${agent.stderr.slice(-500)}`);
    });
  } finally {
    await caller?.close();
    await world.bench.endPrograms();
    await volume?.unmount();
    await world.stop();
  }
}

/** Publishes that all is well until the agent has heard it on each topic: before DDS has introduced both, a message is lost. */
async function heard({ bench, load }: World): Promise<void> {
  const isHeard = bench.status(
    ({ channels }) => ALERTS.every((alert) => channels.some((c) => c.name === alert && c.messages > 0)),
    PATIENCE_MS,
  );
  const publishing = setInterval(() => {
    for (const channel of ALERTS) void load.peer.publish(`/${channel}_detected`, BOOL, { data: false });
  }, 200);
  await isHeard.finally(() => clearInterval(publishing));
}

async function alert({ load, database }: World, channel: string): Promise<number> {
  const raised = async () => {
    const { rows: found } = await database.query(`select 1 from readings where channel = $1 and alert = 'raised' limit 1`, [channel]);
    return found.length > 0;
  };
  const publish = (data: boolean) => load.peer.publish(`/${channel}_detected`, BOOL, { data });
  const startedMs = performance.now();
  await publish(false);
  await publish(true);
  while (!(await raised())) {
    if (performance.now() - startedMs > PATIENCE_MS) throw new Error(`the ${channel} is not in the database after ${PATIENCE_MS} ms`);
    await after(LOOK_EVERY_MS);
  }
  return Math.round(performance.now() - startedMs);
}

/** Opens the outbox as an earlier run, fills it, and closes it. */
function fillOutbox(stateDir: string, fill: (opened: OpenedOutbox) => void): void {
  const clock = new ManualClock();
  clock.wallMs = Date.now();
  const lifetime = Lifetime.begin(stateDir);
  const opened = openOutbox({ stateDir, maxBytes: OUTBOX_BYTES, clock, lifetime, groupMs: 60_000 });
  fill(opened);
  opened.outbox.close();
  opened.db.close();
  lifetime.end(0, 'asked');
}

function rows(make: (text: string) => NewRow): Filler {
  return {
    before: ({ outbox }) =>
      untilFull((n) => {
        for (let i = 0; i < 500; i++) outbox.append(make(`${n}-${i}`));
        outbox.flush();
        return outbox.counts.evictedBy.space === 0;
      }),
  };
}

/** Calls `write` until it returns false or finds no space. */
function untilFull(write: (n: number) => boolean): void {
  try {
    for (let n = 0; write(n); n++);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
}

const COMMANDS = 3_000;

async function flood({ caller }: Scene, make: (id: string) => object): Promise<void> {
  const ids = Array.from({ length: COMMANDS }, () => randomBytes(48).toString('base64url'));
  await Promise.all(ids.map((id) => caller.sendRaw(JSON.stringify({ thing: 'elderly-bot', ...make(id) }))));
}

/** Fills the disk with one file in a folder of the state directory. */
function fillFolder({ bench: { stateDir } }: World, folder: string, name: string): void {
  mkdirSync(join(stateDir, folder), { recursive: true });
  renameSync(fillUp(stateDir), join(stateDir, folder, name));
}
