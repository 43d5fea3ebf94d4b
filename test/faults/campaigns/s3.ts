// Plays the faults of an object store, of the network and of the cloud, and kills the robot at each named step of an upload. Each kept
// picture must be in the bucket exactly once, with its hash, and must be reported once.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findVersitygw } from '../../../cloud/test/support/objectStore.ts';
import { UPLOAD_CRASH_POINTS } from '../../../src/base/index.ts';
import { type BenchFiles, benchCertificates } from '../../../src/identity/index.ts';
import { sha256Of } from '../../support/hash.ts';
import type { Trouble } from '../../support/objectProxy.ts';
import { findPostgres, Postgres } from '../../support/postgres.ts';
import { UploadCloud } from '../../support/uploadCloud.ts';
import { type Campaign, type Context, needsRoot, type Outcome } from '../campaign.ts';
import type { Random } from '../random.ts';
import { bundleLife, KilledRobot } from '../uploadKills.ts';
import { leftIn, toldBy, UploadRobot } from '../uploadRobot.ts';
import { Volume } from '../volume.ts';
import { after } from '../world.ts';

const THING = 'elderly-bot';
/** The number of parallel robots. Each uploads one picture at a time. */
const ROBOTS = 6;
const DONE_WITHIN_MS = 400_000;
/** In bytes. A slow upload takes seconds. */
const SIZE = [2_000, 6_000] as const;
/** In bytes. The upload takes a minute. */
const LONG_BYTES = 60_000;
const AWAY_MS = [50, 300] as const;
const SMALL_DISK_BYTES = 256 * 1024;

/** The faults of the PUTs of one picture. */
const TROUBLES: Readonly<Record<string, (random: Random) => readonly Trouble[]>> = {
  nothing: () => [],
  'slow, 1 KB/s': () => [{ bytesPerSecond: 1_000 }],
  'reset at half': (random) => repeat(random.between(1, 2), () => 'reset' as const),
  '500': (random) => repeat(random.between(1, 3), () => ({ status: 500, code: 'InternalError' })),
  '503': () => [{ status: 503, code: 'SlowDown', retryAfterS: 1 }],
  '403 expired': (random) => repeat(random.between(1, 2), () => ({ status: 403, code: 'AccessDenied' })),
  '403 signature': (random) => repeat(random.between(1, 7), () => ({ status: 403, code: 'SignatureDoesNotMatch' })),
  '412, and it is not there': () => [{ status: 412, code: 'PreconditionFailed' }],
  '200 lost on the way': (random) => repeat(random.between(1, 2), () => 'lost' as const),
  '200 lost, then 412': () => ['lost', { status: 412, code: 'PreconditionFailed' }],
};

export const s3: Campaign = {
  name: 's3',
  what: 'all that a store, the way to it and the cloud do wrong to pictures, and kills at each named step, so many of each',
  defaultRuns: 3,
  missing: () => (findVersitygw() ? false : 'no versitygw: install Go and run bin/setup again'),
  run: async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-s3-'));
    // If possible the database has a process of its own, because the cloud, the store's proxy and most robots share this process.
    const postgres = findPostgres() ? await Postgres.start() : undefined;
    const cloud = await UploadCloud.start(postgres?.url);
    const campaign = new S3(context, cloud, folder, await benchCertificates(join(folder, 'certs'), THING));
    try {
      return await campaign.run();
    } finally {
      await cloud.stop();
      await postgres?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

class S3 {
  readonly #context: Context;
  readonly #cloud: UploadCloud;
  readonly #folder: string;
  readonly #files: BenchFiles;
  /** The kind of each kept picture, by its hash. */
  readonly #kept = new Map<string, string>();
  readonly #robots: string[] = [];
  readonly #failures: string[] = [];

  constructor(context: Context, cloud: UploadCloud, folder: string, files: BenchFiles) {
    this.#context = context;
    this.#cloud = cloud;
    this.#folder = folder;
    this.#files = files;
  }

  async run(): Promise<Outcome> {
    const { runs, say } = this.#context;
    await this.#cloud.know(THING, readFileSync(this.#files.robot.cert, 'utf8'));
    const [kills] = await Promise.all([this.#kills(), this.#store()]);
    say(`${kills} kills, and all that the store did wrong, are over`);
    await this.#apiAway();
    const refused = needsRoot() ? null : await this.#diskFull();
    say('so are an API that was away and a full disk');
    const { lost, doubled } = await this.#judge();
    const figures = { pictures: this.#kept.size, kills, refused_by_a_full_disk: refused, puts: this.#cloud.proxy.answered.length };
    return { runs, lost, doubled, failures: this.#failures, figures };
  }

  async #store(): Promise<void> {
    const { runs, random } = this.#context;
    const robots = Array.from({ length: ROBOTS }, () => this.#robot());
    const keeping: Promise<unknown>[] = [];
    for (const [kind, troubles] of Object.entries(TROUBLES)) {
      for (let run = 0; run < runs; run++) {
        keeping.push(this.#keep(robots[run % ROBOTS], kind, random.between(...SIZE), troubles(random)));
      }
    }
    keeping.push(this.#keep(robots[0], 'slow for a minute', LONG_BYTES, [{ bytesPerSecond: 1_000 }]));
    await Promise.all(keeping);
    await this.#end(robots);
  }

  /** Kills one robot per point, in each of its runs, all in parallel. */
  async #kills(): Promise<number> {
    const { runs, random } = this.#context;
    const life = await bundleLife();
    try {
      const lives = UPLOAD_CRASH_POINTS.map((point) =>
        this.#killsAt(
          point,
          life.file,
          repeat(runs, () => random.between(1, 2)),
        ),
      );
      return (await Promise.all(lives)).reduce((sum, kills) => sum + kills, 0);
    } finally {
      life.remove();
    }
  }

  /** @param passes numbers of the passes at which the runs end. */
  async #killsAt(point: (typeof UPLOAD_CRASH_POINTS)[number], life: string, passes: readonly number[]): Promise<number> {
    const folder = join(this.#folder, `killed-at-${point}`);
    const robot = new KilledRobot(life, { folder, origin: this.#cloud.origin, files: this.#files.robot });
    this.#robots.push(folder);
    try {
      for (const nth of passes) await robot.live(2, point, nth);
      await robot.live(0);
    } catch (error) {
      this.#failures.push(`killed at ${point}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (robot.kills < passes.length) this.#failures.push(`killed at ${point}: the point was passed only ${robot.kills} times`);
    for (const sha256 of robot.kept) this.#kept.set(sha256, `killed at ${point}`);
    return robot.kills;
  }

  async #apiAway(): Promise<void> {
    const { runs, random } = this.#context;
    const robot = this.#robot();
    for (let run = 0; run < runs; run++) {
      this.#cloud.outage = { status: random.pick([500, 502, 503]), body: { detail: 'away' } };
      await this.#keep(robot, 'API down, then up', random.between(...SIZE), []);
      await after(random.between(...AWAY_MS));
      this.#cloud.outage = null;
      await robot.done(DONE_WITHIN_MS).catch((error: unknown) => this.#failures.push(`API down, then up: ${String(error)}`));
    }
    await this.#end([robot]);
  }

  /** Fills and frees the spool's disk. Keeping a picture either fails with an error, or the picture is uploaded. */
  async #diskFull(): Promise<number> {
    const { runs, random } = this.#context;
    const folder = join(this.#folder, 'small');
    const spool = join(folder, 'uploads');
    mkdirSync(spool, { recursive: true });
    const volume = await Volume.tmpfs(spool, SMALL_DISK_BYTES);
    let refused = 0;
    try {
      const robot = this.#robot(folder);
      for (let run = 0; run < runs; run++) {
        const filler = join(folder, 'uploads', 'filler');
        writeFileSync(filler, '');
        try {
          writeFileSync(filler, Buffer.alloc(SMALL_DISK_BYTES));
        } catch {
          // The disk is full, as intended.
        }
        await this.#keep(robot, 'full disk', random.between(...SIZE), []).catch(() => refused++);
        rmSync(filler);
        await this.#keep(robot, 'after a full disk', random.between(...SIZE), []);
        await robot.done(DONE_WITHIN_MS).catch((error: unknown) => this.#failures.push(`disk full: ${String(error)}`));
      }
      await this.#end([robot]);
      if (refused === 0) this.#failures.push('the disk was never full');
      this.#lookForLeft(folder);
    } finally {
      await volume.unmount();
    }
    return refused;
  }

  #robot(folder = join(this.#folder, `robot-${this.#robots.length}`)): UploadRobot {
    this.#robots.push(folder);
    const { cert, key } = this.#files.robot;
    const credentials = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    return new UploadRobot({ folder, thing: THING, cloud: this.#cloud, credentials });
  }

  async #keep(robot: UploadRobot | undefined, kind: string, bytes: number, troubles: readonly Trouble[]): Promise<void> {
    const { random } = this.#context;
    const picture = Buffer.from(Array.from({ length: bytes }, () => random.between(0, 255)));
    const sha256 = sha256Of(picture);
    this.#cloud.proxy.plan(sha256, ...troubles);
    if (await robot?.keep(picture)) this.#kept.set(sha256, kind);
    else this.#failures.push(`${kind}: a picture was not kept`);
  }

  async #end(robots: readonly UploadRobot[]): Promise<void> {
    for (const robot of robots) {
      await robot.done(DONE_WITHIN_MS).catch((error: unknown) => this.#failures.push(String(error)));
      await robot.stop();
    }
  }

  #lookForLeft(folder: string): void {
    const left = leftIn(folder);
    if (left.length > 0) this.#failures.push(`${folder}: left in the spool: ${left.join(', ')}`);
  }

  /** Compares the bucket with the reported and the kept pictures. */
  async #judge(): Promise<{ lost: number; doubled: number }> {
    const stored = new Map<string, number>();
    for (const name of await this.#cloud.names()) {
      const sha256 = sha256Of(await this.#cloud.bytesOf(name));
      if (!name.includes(sha256)) this.#failures.push(`${name} has the hash ${sha256}`);
      stored.set(sha256, (stored.get(sha256) ?? 0) + 1);
    }
    const told = new Map<string, number>();
    for (const folder of this.#robots) {
      if (!folder.endsWith('small')) this.#lookForLeft(folder);
      for (const sha256 of toldBy(folder)) told.set(sha256, (told.get(sha256) ?? 0) + 1);
    }
    let [lost, doubled] = [0, 0];
    for (const [sha256, kind] of this.#kept) {
      if (stored.has(sha256) && told.has(sha256)) continue;
      lost++;
      this.#failures.push(`${kind}: ${sha256} is ${stored.has(sha256) ? 'stored and not told' : 'not in the bucket'}`);
    }
    for (const [what, counts] of [['in the bucket', stored] as const, ['told', told] as const]) {
      for (const [sha256, times] of counts) {
        if (times > 1) {
          doubled++;
          this.#failures.push(`${this.#kept.get(sha256) ?? 'unknown'}: ${sha256} is ${times} times ${what}`);
        }
      }
    }
    return { lost, doubled };
  }
}

function repeat<T>(times: number, make: () => T): T[] {
  return Array.from({ length: times }, make);
}
