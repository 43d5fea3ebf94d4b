// Kills parts of the cloud under load while the robot continues: in each run first one of two instances that share the messages, then
// PostgreSQL. Each receipt is compared with the database when it arrives: it must not cover an uncommitted row.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import type { Program } from '../../../scripts/lab/program.ts';
import { coveredBy, normalize, type Ranges, receipt, subtract, topicsOf } from '../../../src/wire/index.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { after, World, worldMissing } from '../world.ts';

const KILLED_AFTER_MS = [200, 2_000] as const;
const AWAY_MS = [0, 1_500] as const;
const INSTANCES = 2;
/** Longer than the 90 s and 60 s after which receipts reveal and resend lost rows (docs/reference/protocol.md, Receipts). */
const RUNS_BETWEEN_BOOKS = 20;
const ASK_AGAIN_MS = 100;
const DATABASE_BACK_MS = 60_000;

export const cloud: Campaign = {
  name: 'cloud',
  what: 'kill -9 of one of two instances of the cloud, then of PostgreSQL, under load; each receipt looked up',
  defaultRuns: 20,
  missing: worldMissing,
  run: runCloud,
};

async function runCloud({ runs, random, say }: Context): Promise<Outcome> {
  const world = await World.start('', undefined, { durable: true });
  const witness = await Witness.start(world);
  const failures: string[] = [];
  const totals = { lost: 0, doubled: 0, instances_killed: 0, databases_killed: 0 };
  let last = { accepted: 0, committed: 0, holes: 0, slowest_drain_ms: 0 };
  try {
    const instances: Program[] = [world.cloud];
    while (instances.length < INSTANCES) instances.push(await world.bench.cloud({ url: world.postgres.url }));
    let agent: Program | null = null;
    for (let run = 1; run <= runs; run++) {
      world.load.start();
      if (!agent) {
        agent = await world.agent();
        await world.sensing();
      }
      const chosen = random.between(0, INSTANCES - 1);
      const [instanceMs, instanceAwayMs] = [random.between(...KILLED_AFTER_MS), random.between(...AWAY_MS)];
      await after(instanceMs);
      await instances[chosen]?.kill();
      totals.instances_killed++;
      await after(instanceAwayMs);
      instances[chosen] = await world.bench.cloud({ url: world.postgres.url });

      const [databaseMs, databaseAwayMs] = [random.between(...KILLED_AFTER_MS), random.between(...AWAY_MS)];
      await after(databaseMs);
      await world.postgres.kill();
      totals.databases_killed++;
      await after(databaseAwayMs);
      await world.postgres.restart();
      for (const [n, instance] of instances.entries()) {
        if (!instance.ended) continue;
        failures.push(`run ${run}: instance ${n} ended by itself: ${instance.stderr.slice(0, 500)}`);
        instances[n] = await world.bench.cloud({ url: world.postgres.url });
      }
      say(
        `run ${run}: instance ${chosen} away for ${instanceAwayMs} ms, PostgreSQL for ${databaseAwayMs} ms; ${witness.receipts} receipts so far`,
      );
      if (run % RUNS_BETWEEN_BOOKS !== 0 && run !== runs) continue;
      const settled = await world.finish(agent);
      agent = null;
      await witness.done();
      for (const text of settled.failures) failures.push(`books after run ${run}: ${text}`);
      const { books } = settled;
      totals.lost = Math.max(totals.lost, books.lost);
      totals.doubled = Math.max(totals.doubled, settled.doubled);
      last = {
        accepted: books.accepted,
        committed: books.committed,
        holes: settled.holes,
        slowest_drain_ms: Math.max(last.slowest_drain_ms, settled.drainMs),
      };
      say(
        `books: ${books.accepted} accepted, ${books.committed} committed, ${books.lost} lost, ${settled.doubled} doubled, drained in ${settled.drainMs} ms`,
      );
    }
    failures.push(...witness.wrong);
  } finally {
    await witness.stop();
    await world.stop();
  }
  const { lost, doubled, ...rest } = totals;
  return {
    runs,
    lost,
    doubled,
    failures,
    figures: { published: world.load.published.length, ...last, ...rest, receipts: witness.receipts, false_receipts: witness.wrong.length },
  };
}

/** Receives each receipt beside the robot and compares it with the database. */
class Witness {
  readonly wrong: string[] = [];
  receipts = 0;
  readonly #world: World;
  readonly #client: mqtt.MqttClient;
  readonly #verified = new Map<string, Ranges>();
  #looking: Promise<void> = Promise.resolve();

  private constructor(world: World, client: mqtt.MqttClient) {
    this.#world = world;
    this.#client = client;
    client.on('message', (_topic, payload) => {
      this.receipts++;
      this.#looking = this.#looking.then(() => this.#verify(payload));
    });
  }

  static async start(world: World): Promise<Witness> {
    const { ca, robot } = world.bench.files;
    const client = await mqtt.connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: world.bench.broker.port,
      protocolVersion: 5,
      clientId: 'witness',
      ca: readFileSync(ca),
      cert: readFileSync(robot.cert),
      key: readFileSync(robot.key),
    });
    await client.subscribeAsync(topicsOf('elderly_bot').receipts, { qos: 1 });
    return new Witness(world, client);
  }

  /** Resolves when all received receipts are compared. */
  done(): Promise<void> {
    return this.#looking;
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }

  async #verify(payload: Buffer): Promise<void> {
    const heard = receipt.parse(JSON.parse(payload.toString()));
    const verified = this.#verified.get(heard.outbox) ?? [];
    const fresh = subtract(coveredBy(heard), verified);
    if (fresh.length === 0) return;
    const there = await this.#rows(heard.outbox, fresh);
    const missing = subtract(fresh, there);
    if (missing.length > 0)
      this.wrong.push(`a receipt says ${JSON.stringify(missing.slice(0, 5))} of ${heard.outbox}, which the database has not`);
    this.#verified.set(heard.outbox, normalize([...verified, ...fresh]));
  }

  /** Repeats the query while the database is down. */
  async #rows(outbox: string, ranges: Ranges): Promise<Ranges> {
    const [low, high] = [ranges[0]?.[0] ?? 0, ranges.at(-1)?.[1] ?? 0];
    const untilMs = performance.now() + DATABASE_BACK_MS;
    for (;;) {
      try {
        const { rows } = await this.#world.database.query(
          `select seq::int as first, seq::int as last from (
            select seq, outbox from readings union all select seq, outbox from results union all select seq, outbox from events
          ) as rows where outbox = $1 and seq between $2 and $3
          union all select lower(r)::int, (upper(r) - 1)::int from outboxes, unnest(evicted) as r where outbox = $1`,
          [outbox, low, high],
        );
        return normalize((rows as { first: number; last: number }[]).map(({ first, last }) => [first, last]));
      } catch (error) {
        if (performance.now() > untilMs) throw error;
        await after(ASK_AGAIN_MS);
      }
    }
  }
}
