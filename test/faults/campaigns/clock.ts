// The wall clock is wrong at the start, or jumps under load: a year each way, and to 1970. Nothing is lost, the event loop never blocks, a
// link that fails for it raises clock_wrong, no command runs while the clock is untrusted, and everything recovers with the right time. If
// the agent is killed after its clock was ahead, the next run still receives the robot's messages.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Program } from '../../../scripts/lab/program.ts';
import { THING } from '../../support/bench.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { FakeClock, fakeClockMissing, NOTICED_WITHIN_MS } from '../fakeClock.ts';
import { after, World, worldMissing } from '../world.ts';

const PROBE = fileURLToPath(new URL('../lagProbe.mjs', import.meta.url));
const BUZZER = '/buzzer_command';
const DAY_S = 86_400;
/** Longer than the bench's certificates are valid. */
const YEAR_S = 400 * DAY_S;
const MOST_LAG_MS = 200;
const NAMED_WITHIN_MS = 15_000;
const RIGHT_AGAIN_WITHIN_MS = 30_000;
const ANSWERED_WITHIN_MS = 10_000;
const COMMAND_TRIES = 20;

interface Scenario {
  readonly name: string;
  readonly offsetSeconds: () => number;
  /** When the clock is wrong: from the start, from the start to the stop, or from a moment under load. */
  readonly at: 'start' | 'start to stop' | 'load';
  /** Whether the agent is killed instead of stopped. */
  readonly killed?: true;
}

const to1970 = (): number => DAY_S - Math.floor(Date.now() / 1000);
const SCENARIOS: readonly Scenario[] = [
  { name: 'no jump (the control)', offsetSeconds: () => 0, at: 'load' },
  { name: 'starts in 1970', offsetSeconds: to1970, at: 'start' },
  { name: 'starts a year behind', offsetSeconds: () => -YEAR_S, at: 'start' },
  { name: 'starts a year ahead', offsetSeconds: () => YEAR_S, at: 'start' },
  { name: 'is a year ahead from start to stop', offsetSeconds: () => YEAR_S, at: 'start to stop' },
  { name: 'jumps to 1970 under load', offsetSeconds: to1970, at: 'load' },
  { name: 'jumps a year behind under load', offsetSeconds: () => -YEAR_S, at: 'load' },
  { name: 'jumps a year ahead under load', offsetSeconds: () => YEAR_S, at: 'load' },
  { name: 'is a year ahead from start to kill -9', offsetSeconds: () => YEAR_S, at: 'start to stop', killed: true },
  { name: 'starts a year ahead, is set right, and is killed', offsetSeconds: () => YEAR_S, at: 'start', killed: true },
];

export const clock: Campaign = {
  name: 'clock',
  what: 'the agent’s wall clock wrong at the start or jumping under load: a year each way, 1970',
  defaultRuns: SCENARIOS.length,
  missing: () => fakeClockMissing() || worldMissing(),
  run: runClock,
};

async function runClock({ runs, random, say }: Context): Promise<Outcome> {
  // Nodes that ran while the clock was ahead reach a restarted agent only with the repair.
  const world = await World.start('\nros:\n  repair_shared_memory: true\n');
  await world.load.peer.subscribe(BUZZER, 'std_msgs/msg/Bool');
  const failures: string[] = [];
  const lags: Record<string, number> = {};
  let lost = 0;
  let doubled = 0;
  try {
    for (let run = 1; run <= runs; run++) {
      const scenario = SCENARIOS[(run - 1) % SCENARIOS.length] as Scenario;
      const trial = new Trial(world, scenario, run);
      await after(random.between(0, 500));
      await trial.run().catch((error: unknown) => trial.wrong.push(error instanceof Error ? error.message : String(error)));
      const settled = await world.settle();
      lost = Math.max(lost, settled.books.lost + settled.holes);
      doubled = Math.max(doubled, settled.doubled);
      lags[scenario.name] = Math.max(lags[scenario.name] ?? 0, trial.lagMs);
      const line = `run ${run}: ${scenario.name}: ${[...trial.wrong, ...settled.failures].join('; ') || 'well'}`;
      if (trial.wrong.length + settled.failures.length > 0) failures.push(line);
      say(`${line}; longest standstill ${trial.lagMs} ms`);
      forgetTheTime(world.bench.stateDir);
    }
  } finally {
    await world.stop();
  }
  return { runs, lost, doubled, failures, figures: { longest_standstill_ms: lags } };
}

/** Removes the robot's knowledge of the time, which must not carry over to the next run. */
function forgetTheTime(stateDir: string): void {
  const file = join(stateDir, 'lifetime.json');
  const lifetime = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...lifetime, wall_ms: 0 }));
}

class Trial {
  readonly wrong: string[] = [];
  lagMs = 0;
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #number: number;
  readonly #time: FakeClock;
  #commands = 0;

  constructor(world: World, scenario: Scenario, number: number) {
    this.#world = world;
    this.#scenario = scenario;
    this.#number = number;
    this.#time = new FakeClock(join(world.bench.folder, 'clock'));
  }

  async run(): Promise<void> {
    const { bench, load } = this.#world;
    const { at, offsetSeconds } = this.#scenario;
    load.start();
    if (at !== 'load') this.#time.set(offsetSeconds());
    const agent = await this.#world.agent({ ...this.#time.env(), NODE_OPTIONS: `--import=${PROBE}` });
    await this.#world.sensing();
    if (at === 'load') await this.#jump(agent);
    else await this.#linkNamed();
    if (at !== 'start to stop') await this.#setRight(agent);
    if (this.#scenario.killed) {
      await agent.kill();
      this.#world.enter();
    } else {
      const code = await agent.stop();
      if (code !== 0) this.wrong.push(`it ended with ${code}`);
    }
    this.#time.set(0);
    const next = await this.#world.agent();
    await this.#world.sensing();
    await bench.status(({ link }) => link.state === 'connected');
    await this.#commandWorks('after the next start');
    await next.stop();
  }

  async #setRight(agent: Program): Promise<void> {
    const from = agent.lines.length;
    this.#time.set(0);
    await after(NOTICED_WITHIN_MS);
    this.#noteLag(agent, from);
    await this.#world.bench
      .status(({ link }) => link.state === 'connected', RIGHT_AGAIN_WITHIN_MS)
      .catch(() => this.wrong.push('no link when the time was right again'));
    await this.#commandWorks('after the time was right again');
  }

  async #linkNamed(): Promise<void> {
    await this.#world.bench
      .status(({ problems }) => problems.some(({ code }) => code === 'clock_wrong'), NAMED_WITHIN_MS)
      .catch(async () => {
        const { problems, link } = await this.#world.bench.status(() => true);
        this.wrong.push(`not named clock_wrong, but ${problems.map(({ code }) => code).join(', ') || `no problem, link ${link.state}`}`);
      });
  }

  async #jump(agent: Program): Promise<void> {
    const { bench } = this.#world;
    await bench.status(({ link }) => link.state === 'connected');
    const offset = this.#scenario.offsetSeconds();
    const from = agent.lines.length;
    this.#time.set(offset);
    await after(NOTICED_WITHIN_MS);
    this.#noteLag(agent, from);
    if (offset === 0) return;
    const answer = await this.#command();
    // A fast clock looks like a true one. A command is then too old to run, which is safe too.
    if (answer !== 'rejected clock_untrusted' && !(offset > 0 && answer.startsWith('expired')))
      this.wrong.push(`a command while the clock was wrong: ${answer}`);
  }

  async #commandWorks(when: string): Promise<void> {
    let answer = await this.#command();
    // The agent may discover the listener a moment after the listener discovered the agent.
    for (let again = 0; answer === 'no_effect' && again < COMMAND_TRIES; again++) answer = await this.#command();
    if (answer !== 'done') this.wrong.push(`a command ${when}: ${answer}`);
  }

  /** @returns the command's status and reason in the cloud. */
  async #command(): Promise<string> {
    const { bench, database, load } = this.#world;
    await load.peer.matched(BUZZER);
    const id = `clock-${this.#number}-${++this.#commands}`;
    const now = Date.now();
    const command = { id, thing: THING, command: 'buzzer', value: true, issued_at: now, expires_at: now + 20_000 };
    const sender = bench.run('sender', 'mosquitto_pub', [
      ...bench.mosquittoArguments(),
      '-t',
      'elderly_bot/commands',
      '-m',
      JSON.stringify(command),
    ]);
    await sender.exited;
    for (const untilMs = performance.now() + ANSWERED_WITHIN_MS; performance.now() < untilMs; await after(50)) {
      const { rows } = await database.query<{ status: string; reason: string | null }>('select status, reason from results where id = $1', [
        id,
      ]);
      if (rows[0]) return [rows[0].status, rows[0].reason].filter(Boolean).join(' ');
    }
    return `no answer in ${ANSWERED_WITHIN_MS} ms`;
  }

  #noteLag(agent: Program, from: number): void {
    this.lagMs = Math.max(this.lagMs, ...agent.lines.slice(from).map(({ event, ms }) => (event === 'lag' ? Number(ms) : 0)));
    if (this.lagMs > MOST_LAG_MS) this.wrong.push(`the event loop stood still for ${this.lagMs} ms`);
  }
}
