// The robot's outbox on real files, opened as the agent opens it, killed between any two steps, its files damaged while it is
// down. One folder, in memory where the machine has one, serves a whole run: a sync a commit on a disk would cost hours.
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

/** Room for about a dozen big rows beside the empty tables: room is short in many histories. */
const MAX_BYTES = 30 * 4096;

const PAGE = 4096;
const MEMORY = '/dev/shm';

/** What happens to the files while the robot is down. `at` picks the place, from 0 to 1. */
export type Damage = { readonly to: 'file' | 'wal'; readonly how: 'gone' | 'truncated' | 'zeroed' | 'garbled'; readonly at: number };

/** The folder of a run of histories. */
export class RobotFolder {
  readonly path = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'elderly-bot-model-'));
  readonly #template: string;

  constructor() {
    this.#template = `${this.path}.template`;
    openDatabase(this.#template, MAX_BYTES).close();
  }

  /** As before the robot's first start, but with the empty tables made: making them is most of a first start's time. */
  reset(): void {
    for (const name of readdirSync(this.path)) rmSync(join(this.path, name));
    copyFileSync(this.#template, join(this.path, 'outbox.db'));
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
    rmSync(this.#template);
  }
}

/** One robot's life, over many starts. */
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

  /** As the agent starts. @throws whatever would keep the agent from starting. */
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

  /** What the agent does once a minute. */
  tend(maxAgeMs: number): void {
    this.outbox.maintain(maxAgeMs);
    this.lifetime.save(this.clock.mono());
  }

  /** Killed: what was not committed is gone, and the files are as they were at that moment. */
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

  /** What receipts said so far, by outbox id. */
  covered(): [id: string, covered: Ranges][] {
    const rows = this.#db.prepare('select id, covered from outboxes').all() as { id: string; covered: string }[];
    return rows.map(({ id, covered }) => [id, JSON.parse(covered) as Ranges]);
  }

  /** The file first, so that the outbox's own end only cancels its timers. Also between histories: no file may stay open. */
  close(): void {
    this.#db.close();
    try {
      this.outbox.close();
    } catch {
      // What was not committed can't be any more: that is what a kill means.
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
