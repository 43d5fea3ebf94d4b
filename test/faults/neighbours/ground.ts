// The ground of the campaign `neighbours`: one cloud on a durable PostgreSQL, Mosquitto with the access control list of a fleet, a healthy
// robot with a whole agent, and its family at the stream of events.
import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { mosquittoAcl } from '../../../cloud/src/rights/policies.ts';
import { TcpProxy } from '../../../cloud/test/support/tcpProxy.ts';
import type { Program } from '../../../scripts/lab/program.ts';
import { peakRssMb } from '../../bench/process.ts';
import { account } from '../../support/account.ts';
import { Bench, THING } from '../../support/bench.ts';
import { cloudEvicted, cloudRows } from '../../support/cloudRows.ts';
import { Witness } from '../../support/network/witness.ts';
import { readOutboxFile } from '../../support/outboxFile.ts';
import { freePort } from '../../support/ports.ts';
import { Postgres } from '../../support/postgres.ts';
import { eventually } from '../../support/until.ts';
import { FallingRobot, type Place } from '../fallingRobot.ts';
import { Family } from './family.ts';
import { IMPOSTOR } from './hostile.ts';
import { HOUSE } from './returning.ts';
import type { Observed } from './verdict.ts';

const PREFIX = `fleet/${THING}`;
/** The plain prefix belongs to no robot of this fleet. */
const PATTERNS = 'elderly_bot, fleet/+';
/** Shorter than the default, so that all robots that return are settled within the campaign's limit. */
const RECEIPT_INTERVAL = '1m';
/** After this time an alert counts as lost. */
const PATIENCE_MS = 60_000;

/** A part of the ground that must end with it. */
interface Ending {
  stop(): Promise<unknown>;
}

export class Ground {
  readonly bench: Bench;
  readonly cloud: Program;
  readonly family: Family;
  /** A port of the broker without TLS. A client's user name there stands for its certificate's name. */
  readonly plainPort: number;
  /** Between the cloud and PostgreSQL. */
  readonly proxy: TcpProxy;
  /** The server that DATABASE_URL leads to. A failover replaces it. */
  postgres: Postgres;
  readonly #robot: FallingRobot;
  readonly #witness: Witness;
  readonly #parts: Ending[];
  readonly #warmUp: ReadonlySet<string>;
  #falls = 0;

  private constructor(made: Made, parts: Ending[]) {
    this.bench = made.bench;
    this.cloud = made.cloud;
    this.family = made.family;
    this.plainPort = made.plainPort;
    this.proxy = made.proxy;
    this.postgres = made.postgres;
    this.#robot = made.robot;
    this.#witness = made.witness;
    this.#parts = parts;
    this.#warmUp = new Set(made.family.shown.keys());
  }

  /** Resolves when the family has seen a first fall, which is not measured. */
  static async start(): Promise<Ground> {
    const parts: Ending[] = [];
    try {
      return new Ground(await make(parts), parts);
    } catch (error) {
      await stopAll(parts);
      throw error;
    }
  }

  get origin(): string {
    return originOf(this.cloud);
  }

  /** Publishes a fall. Resolves when the broker has acknowledged its alert. */
  async fall(): Promise<void> {
    this.#falls++;
    await this.#robot.fall();
    await this.#robot.arrival();
  }

  ask<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return asking(this.postgres, work);
  }

  /** Waits for the last alerts, ends the healthy robot and compares its outbox with the database. */
  async observed(): Promise<Observed> {
    await shownAll(this.family, this.#witness);
    await this.#robot.stop();
    const file = readOutboxFile(this.bench.stateDir);
    return this.ask(async (client) => {
      const [committed, evicted] = [await cloudRows(client, THING), await cloudEvicted(client)];
      const books = account({ accepted: file.accepted, seen: [], held: file.rows, committed, evicted });
      const alerts = await client.query<{ incident: string }>(`select incident from alerts where thing = $1 and channel = 'fall'`, [THING]);
      const stored = alerts.rows.map(({ incident }) => incident).filter((incident) => !this.#warmUp.has(incident));
      const measured = ([incident]: readonly [string, number]): boolean => !this.#warmUp.has(incident);
      return {
        falls: this.#falls,
        acknowledged: new Map([...this.#witness.incidents('fall')].filter(measured)),
        shown: new Map([...this.family.shown].filter(measured)),
        stored,
        lostRows: books.lost,
        doubledRows: books.doubled,
        memoryMib: peakRssMb(this.cloud.pid),
      };
    });
  }

  /** Stops this part with the ground. */
  keep<T extends Ending>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  stop(): Promise<void> {
    return stopAll(this.#parts);
  }
}

interface Made extends Pick<Ground, 'bench' | 'cloud' | 'family' | 'plainPort' | 'proxy' | 'postgres'> {
  readonly robot: FallingRobot;
  readonly witness: Witness;
}

async function make(parts: Ending[]): Promise<Made> {
  const keep = <T extends Ending>(part: T): T => {
    parts.push(part);
    return part;
  };
  const postgres = keep(await Postgres.start({ durable: true }));
  const proxy = keep(await TcpProxy.start(postgres.port));
  const plainPort = await freePort();
  // A queue with a bound would drop messages of a cloud that is away, and the broker is not the subject.
  const lines = [`listener ${plainPort} 127.0.0.1`, 'allow_anonymous true', 'max_queued_messages 0', 'set_tcp_nodelay true'];
  const bench = keep(await Bench.start({ acl: accessList(), lines }));
  const cloud = await bench.cloud({ url: urlThrough(proxy) }, { TOPIC_PATTERN: PATTERNS, RECEIPT_INTERVAL });
  const family = keep(await asking(postgres, (client) => Family.join(originOf(cloud), client, THING)));
  const witness = keep(await Witness.start(plainPort, PREFIX));
  const place: Place = { program: (name, command, ...args) => bench.run(name, command, args, bench.robotEnv()) };
  const robot = await FallingRobot.start(place, witness, configure(bench));
  await shownAll(family, witness);
  return { bench, cloud, family, plainPort, proxy, postgres, robot, witness };
}

async function stopAll(parts: Ending[]): Promise<void> {
  for (const part of parts.splice(0).toReversed()) await part.stop();
}

function originOf(cloud: Program): string {
  return String(cloud.lines.find(({ event }) => event === 'cloud_ready')?.url);
}

export function urlThrough(proxy: TcpProxy): string {
  return `postgresql://postgres@127.0.0.1:${proxy.port}/postgres`;
}

async function asking<T>(postgres: Postgres, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: postgres.url });
  // A neighbour may end the server.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

async function shownAll(family: Family, witness: Witness): Promise<void> {
  await eventually(
    () => [...witness.incidents('fall').keys()].filter((incident) => !family.shown.has(incident)),
    (missing) => missing.length === 0,
    'the family sees each fall',
    { patienceMs: PATIENCE_MS },
  ).catch(() => {});
}

/** The fleet's list, with an impostor's rights and those of the witness, who has no name. */
function accessList(): string {
  return [
    'topic read #',
    mosquittoAcl({ prefix: 'fleet/+', thing: THING }),
    ...['user elderly-bot-cloud', 'topic readwrite #'],
    ...[`user ${IMPOSTOR}`, 'topic write elderly_bot/#'],
    // Announces the robots of a whole fleet.
    ...[`user ${HOUSE}`, 'topic write fleet/#'],
  ].join('\n');
}

/** The defaults, with the fleet's prefix and a channel without a limit for alerts. @returns the file. */
function configure({ configFile, stateDir }: Bench): string {
  writeFileSync(
    configFile,
    [
      `state_dir: ${stateDir}`,
      `topic_prefix: ${PREFIX}`,
      'channels: { fall: { report: { on: message }, alerts_per_minute: 100000 } }',
      '',
    ].join('\n'),
  );
  return configFile;
}
