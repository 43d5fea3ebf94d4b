// Runs the robot's outbox on real files, opens it like the agent, kills it between any two steps, and damages its files between starts. All
// histories of a run use one folder, in memory if possible: an fsync for each commit on a disk would take hours.
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/clock/index.ts';
import { type Db, isDiskFull, type Outbox, openOutbox } from '../../src/outbox/index.ts';
import { openDatabase } from '../../src/outbox/schema.ts';
import { Lifetime } from '../../src/state/index.ts';
import type { Ranges } from '../../src/wire/index.ts';
import type { VirtualTime } from './time.ts';

/** Space for about a dozen big rows beside the empty tables. Many histories fill the file. */
const MAX_BYTES = 30 * 4096;

const PAGE = 4096;
const MEMORY = '/dev/shm';

/** Damage to a file while the robot is down. `at` is the position in the file, from 0 to 1. */
export type Damage = { readonly to: 'file' | 'wal'; readonly how: 'gone' | 'truncated' | 'zeroed' | 'garbled'; readonly at: number };

/** The folder that all histories of a run use. */
export class RobotFolder {
  readonly path = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'elderly-bot-model-'));
  readonly #template: string;

  constructor() {
    this.#template = `${this.path}.template`;
    openDatabase(this.#template, MAX_BYTES).close();
  }

  /** Restores the state before the robot's first start, but with empty tables: their creation takes most of the time of a first start. */
  reset(): void {
    for (const name of readdirSync(this.path)) rmSync(join(this.path, name));
    copyFileSync(this.#template, join(this.path, 'outbox.db'));
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
    rmSync(this.#template);
  }
}

/** One robot with all its starts. */
export class Robot {
  readonly #time: VirtualTime;
  readonly folder: string;
  #startedMs = 0;
  #skewMs = Date.UTC(2027, 0, 1);
  #trusted = true;
  #starts = 0;
  outbox!: Outbox;
  lifetime!: Lifetime;
  #db!: Db;

  constructor(folder: RobotFolder, time: VirtualTime) {
    folder.reset();
    this.folder = folder.path;
    this.#time = time;
    this.start();
  }

  readonly clock: Clock = {
    wall: () => Math.floor(this.#skewMs + this.#time.nowMs),
    mono: () => Math.floor(this.#time.nowMs - this.#startedMs),
    trusted: () => this.#trusted,
  };

  stepClock(ms: number, trusted: boolean): void {
    this.#skewMs = Math.max(0, this.#skewMs + ms);
    this.#trusted = trusted;
  }

  /** Starts like the agent. @throws each error that would prevent the agent's start. */
  start(): void {
    this.#startedMs = this.#time.nowMs;
    const id = `box-${++this.#starts}`;
    this.lifetime = Lifetime.begin(this.folder);
    const { db, outbox } = openOutbox({
      stateDir: this.folder,
      maxBytes: MAX_BYTES,
      clock: this.clock,
      lifetime: this.lifetime,
      id,
      groupMs: 250,
      onTrouble: (error) => {
        if (error && !isDiskFull(error)) throw error;
      },
    });
    this.#db = db;
    this.outbox = outbox;
  }

  /** Does the maintenance that the agent does once a minute. */
  maintain(maxAgeMs: number): void {
    this.outbox.maintain(maxAgeMs);
    this.lifetime.save(this.clock.mono());
  }

  /** Simulates a kill: loses the uncommitted rows, and keeps the files in their current state. */
  kill(damage?: Damage): void {
    const files = ['outbox.db', 'outbox.db-wal'].map((name) => join(this.folder, name));
    for (const file of files) if (existsSync(file)) copyFileSync(file, `${file}.kept`);
    this.close();
    for (const file of files) {
      if (!existsSync(`${file}.kept`)) continue;
      copyFileSync(`${file}.kept`, file);
      rmSync(`${file}.kept`);
    }
    if (damage) harm(join(this.folder, damage.to === 'file' ? 'outbox.db' : 'outbox.db-wal'), damage);
  }

  /** The rows that receipts covered so far, by outbox id. */
  covered(): [id: string, covered: Ranges][] {
    const rows = this.#db.prepare('select id, covered from outboxes').all() as { id: string; covered: string }[];
    return rows.map(({ id, covered }) => [id, JSON.parse(covered) as Ranges]);
  }

  /** Closes the file first, so that closing the outbox only cancels its timers. Also called after each history: no file may stay open. */
  close(): void {
    this.#db.close();
    try {
      this.outbox.close();
    } catch {
      // The uncommitted rows are lost, as after a kill.
    }
  }
}

function harm(file: string, { how, at }: Damage): void {
  const bytes = existsSync(file) ? statSync(file).size : 0;
  if (bytes === 0) return;
  const page = Math.floor(at * (bytes / PAGE)) * PAGE;
  if (how === 'gone') rmSync(file);
  else if (how === 'truncated') truncateSync(file, Math.floor(at * bytes));
  else {
    const filled = Buffer.alloc(Math.min(PAGE, bytes - page), how === 'zeroed' ? 0 : 0xa5);
    const open = openSync(file, 'r+');
    writeSync(open, filled, 0, filled.length, page);
    closeSync(open);
  }
}
