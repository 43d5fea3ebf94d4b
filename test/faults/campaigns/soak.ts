// Mixes all faults for a given time. In each round one to three parts break at seeded moments, the agent may be killed or halted meanwhile,
// and the
// parts are repaired in another order. The robot must name each fault and recover. At the end the ledgers are compared, and memory, open
// files and
// disk use must not have grown.
//
// Kills happen in the first half only, so that one run of the agent is long enough to show growth.

import type { Program } from '../../../scripts/lab/program.ts';
import { askStatus, PROBLEMS, type ProblemCode } from '../../../src/status/index.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { chosen, excuse, type Named } from '../soak/faults.ts';
import { type Sample, sampled, slopePerHour } from '../soak/gauges.ts';
import { Ground, groundMissing, MOST_BYTES } from '../soak/ground.ts';
import { judgePictures } from '../soak/pictures.ts';
import { after, lastOf } from '../world.ts';

const HOUR_MS = 3_600_000;
const MOST_AT_ONCE = 3;
const APART_MS = [0, 3_000] as const;
const HELD_MS = [2_000, 10_000] as const;
const HALTED_MS = [1_000, 8_000] as const;
const NAMED_WITHIN_MS = 60_000;
const WELL_WITHIN_MS = 90_000;
const RESTING_SAMPLES = 5;
const SAMPLE_EVERY_MS = 1_000;
/** Excludes the start, which compiles, loads and fills caches. */
const WARM_H = 60_000 / HOUR_MS;
/** The permitted growth of the fitted line of one run. */
const MOST_GROWN = { rssMb: 48, fds: 10 } as const;

const BLOWS = ['none', 'kill', 'halt'] as const;
const HALTED: Named = {
  name: 'halted',
  named: ['mqtt_ended', 'broker_hung_up'],
  unless: 'a halted process says nothing; systemd’s watchdog ends it, and the next start says `ended_unasked` (faults -- systemd)',
};
const KILLED: Named = { name: 'killed', named: ['ended_unasked'] };

export const soak: Campaign = {
  name: 'soak',
  what: 'one to three of ten faults at a time, kills and halts in their midst, mended in another order, again and again',
  defaultRuns: 0,
  defaultForMs: 30 * 60_000,
  missing: groundMissing,
  run: async (context) => {
    const ground = await Ground.start();
    try {
      return await new Soak(ground, context).run();
    } finally {
      await ground.stop();
    }
  },
};

interface Tally {
  injected: number;
  named: number;
  unnamed: number;
  slowest_name_ms: number;
}

class Soak {
  readonly #ground: Ground;
  readonly #context: Context;
  readonly #startedMs = performance.now();
  readonly #failures: string[] = [];
  readonly #samples: Sample[] = [];
  readonly #tally = new Map<string, Tally>();
  #agent: Program | undefined;
  #round = 0;
  #spooled = 0;
  /** Problems raised since the round began, of all runs of the agent. */
  #raised: { readonly code: ProblemCode; readonly atMs: number }[] = [];

  constructor(ground: Ground, context: Context) {
    this.#ground = ground;
    this.#context = context;
  }

  async run(): Promise<Outcome> {
    const { world, store, hall } = this.#ground;
    const { forMs, say } = this.#context;
    world.load.start();
    await this.#start();
    await this.#well();
    while (this.#elapsedMs < forMs) {
      this.#round++;
      await this.#turn();
      await this.#rest();
    }
    const agent = await this.#alive();
    await world.load.pause();
    await hall.stop();
    await world.bench
      .status(({ uploads }) => uploads?.waiting === 0, WELL_WITHIN_MS)
      .catch(() => this.#fail('uploads still wait after the last round'));
    const settled = await world.finish(agent);
    this.#count(agent);
    const pictures = await judgePictures(world, store, this.#spooled);
    const grown = this.#grown();
    this.#failures.push(...settled.failures, ...pictures.failures);
    const { books } = settled;
    say(`books: ${books.accepted} accepted, ${books.committed} committed, ${books.evicted} evicted, ${books.lost} lost`);
    return {
      runs: this.#round,
      lost: books.lost + settled.holes + pictures.lost,
      doubled: settled.doubled + pictures.doubled,
      failures: this.#failures,
      figures: {
        published: world.load.published.length,
        accepted: books.accepted,
        committed: books.committed,
        evicted: books.evicted,
        holes: settled.holes,
        drain_ms: settled.drainMs,
        spooled: this.#spooled,
        stored: pictures.stored,
        faults: Object.fromEntries(this.#tally),
        ...grown,
      },
    };
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  #fail(text: string): void {
    this.#failures.push(`round ${this.#round}: ${text}`);
    this.#context.say(`round ${this.#round}: FAILED: ${text.slice(0, 300)}`);
  }

  async #turn(): Promise<void> {
    const { random, say, forMs } = this.#context;
    const faults = chosen(random.between(1, MOST_AT_ONCE), random);
    const mayKill = this.#elapsedMs < forMs / 2;
    const blow = random.pick(mayKill ? BLOWS : BLOWS.filter((each) => each !== 'kill'));
    // A run that began with a wrong clock cannot notice the step. After a kill right after the clock was set back, the next run may receive
    // nothing.
    const killsLate = blow === 'kill' && faults.some(({ name }) => name === 'clock_stepped');
    this.#raised = [];
    const mends: { readonly name: string; readonly mend: () => unknown }[] = [];
    const begun: { readonly fault: Named; readonly fromMs: number }[] = [];
    for (const fault of faults) {
      await after(random.between(...APART_MS));
      begun.push({ fault: { ...fault, unless: excuse(fault, faults) }, fromMs: performance.now() });
      mends.push({ name: fault.name, mend: await fault.harm(this.#ground, random) });
    }
    if (blow === 'kill' && !killsLate) {
      begun.push({ fault: KILLED, fromMs: performance.now() });
      await this.#kill();
    } else if (blow === 'halt') {
      begun.push({ fault: HALTED, fromMs: performance.now() });
      const agent = await this.#alive();
      agent.signal('SIGSTOP');
      await after(random.between(...HALTED_MS));
      agent.signal('SIGCONT');
    }
    await after(random.between(...HELD_MS));
    const told: string[] = [];
    for (const { fault, fromMs } of begun) told.push(await this.#named(fault, fromMs));
    while (mends.length > 0) {
      const [one] = mends.splice(random.between(0, mends.length - 1), 1);
      await one?.mend();
    }
    if (killsLate) {
      const fromMs = performance.now();
      await this.#kill();
      told.push(await this.#named(KILLED, fromMs));
    }
    say(`round ${this.#round}, ${Math.round(this.#elapsedMs / 1000)} s: ${told.join('; ')}`);
  }

  /** Waits until the fault is named, if it must be. */
  async #named({ name, named, unless }: Named, fromMs: number): Promise<string> {
    const tally = this.#tally.get(name) ?? { injected: 0, named: 0, unnamed: 0, slowest_name_ms: 0 };
    this.#tally.set(name, tally);
    tally.injected++;
    const untilMs = performance.now() + (unless === undefined ? NAMED_WITHIN_MS : 0);
    for (;;) {
      const words = this.#raised.filter(({ code }) => named.includes(code) || hides(code, named));
      const word = words.find(({ atMs }) => atMs >= fromMs);
      if (word) {
        const ms = Math.round(word.atMs - fromMs);
        tally.named++;
        tally.slowest_name_ms = Math.max(tally.slowest_name_ms, ms);
        return `${name}: ${word.code} after ${ms} ms`;
      }
      // An earlier fault may have raised the problem already.
      if (words[0] && unless === undefined) {
        tally.named++;
        return `${name}: ${words[0].code}, which stood`;
      }
      if (performance.now() > untilMs) break;
      await this.#alive();
      await after(100);
    }
    tally.unnamed++;
    if (unless === undefined) this.#fail(`${name} was not named in ${NAMED_WITHIN_MS} ms; it said ${this.#raised.map(({ code }) => code)}`);
    return `${name}: no name`;
  }

  /** Waits until no problem stands, and then samples memory, files and disk. */
  async #rest(): Promise<void> {
    await this.#well();
    const { pid } = await this.#alive();
    for (let i = 0; i < RESTING_SAMPLES; i++) {
      await after(SAMPLE_EVERY_MS);
      this.#samples.push(sampled(this.#elapsedMs / HOUR_MS, pid, this.#ground.world.bench.stateDir));
    }
  }

  async #well(): Promise<void> {
    await this.#alive();
    await this.#ground.world.bench
      .status(
        // `ended_unasked` lasts ten minutes by design.
        ({ link, problems }) => link.state === 'connected' && problems.every(({ code }) => code === 'ended_unasked'),
        WELL_WITHIN_MS,
      )
      .catch(async (error: unknown) => {
        const status = await askStatus(this.#ground.world.bench.stateDir).catch(() => undefined);
        const what = status?.problems.map(({ code, text }) => `${code}: ${text}`).join('; ') ?? String(error);
        this.#fail(`not well again: ${what}; link ${status?.link.state}`);
      });
  }

  async #start(): Promise<Program> {
    const agent = await this.#ground.agent(({ event, code }) => {
      if (event === 'problem_raised') this.#raised.push({ code: code as ProblemCode, atMs: performance.now() });
    });
    this.#agent = agent;
    return agent;
  }

  async #kill(): Promise<void> {
    await this.#agent?.kill();
    await this.#again();
  }

  async #again(): Promise<Program> {
    if (this.#agent) this.#count(this.#agent);
    const { integrity } = this.#ground.world.enter();
    if (integrity !== 'ok') this.#fail(`the outbox file: ${integrity}`);
    return this.#start();
  }

  /** The running agent. If it ended by itself, this counts a failure and starts it again, as systemd would. */
  async #alive(): Promise<Program> {
    if (!this.#agent) return this.#start();
    if (!this.#agent.ended) return this.#agent;
    this.#fail(`the agent ended by itself: ${lastOf(this.#agent)} ${this.#agent.stderr.slice(-500)}`);
    return this.#again();
  }

  #count({ lines }: Program): void {
    this.#spooled += lines.filter(({ event, kind }) => event === 'spooled' && (kind === 'snapshot' || kind === 'clip')).length;
  }

  #grown(): Record<string, unknown> {
    const lives = new Map<number, Sample[]>();
    for (const sample of this.#samples) lives.set(sample.pid, [...(lives.get(sample.pid) ?? []), sample]);
    const life = [...lives.values()].sort((a, b) => b.length - a.length)[0] ?? [];
    const bornH = life[0]?.atH ?? 0;
    const warm = life.filter(({ atH }) => atH >= bornH + WARM_H);
    const hours = (warm.at(-1)?.atH ?? 0) - (warm[0]?.atH ?? 0);
    const slope = (of: 'rssMb' | 'fds' | 'diskMb', samples: readonly Sample[]) =>
      slopePerHour(samples.map((sample) => [sample.atH, sample[of]]));
    for (const of of ['rssMb', 'fds'] as const) {
      const gained = (slope(of, warm) ?? 0) * hours;
      if (gained > MOST_GROWN[of])
        this.#failures.push(`${of} grew by ${gained.toFixed(1)} in ${(hours * 60).toFixed(1)} minutes of one life`);
    }
    const mostMb = Math.max(...this.#samples.map(({ diskMb }) => diskMb));
    if (mostMb > MOST_BYTES / 1024 ** 2) this.#failures.push(`the state directory took ${mostMb.toFixed(1)} MiB`);
    const ends = (of: 'rssMb' | 'fds' | 'diskMb') => [round(warm[0]?.[of] ?? 0), round(warm.at(-1)?.[of] ?? 0)];
    return {
      longest_life_min: round(hours * 60),
      samples: warm.length,
      rss_mib: ends('rssMb'),
      rss_mib_per_h: round(slope('rssMb', warm)),
      fds: ends('fds'),
      fds_per_h: round(slope('fds', warm)),
      disk_mib: ends('diskMb'),
      disk_mib_per_h: round(slope('diskMb', this.#samples)),
      most_disk_mib: round(mostMb),
    };
  }
}

/** Whether a standing problem hides this one. */
function hides(code: ProblemCode, named: readonly ProblemCode[]): boolean {
  const { hides = [] } = PROBLEMS[code] as { readonly hides?: readonly string[] };
  return hides.some((hidden) => named.some((each) => each === hidden));
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}
