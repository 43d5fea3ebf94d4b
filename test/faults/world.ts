// Runs the whole path for a campaign: ROS publisher, Mosquitto with mutual TLS, the cloud on PostgreSQL. All parts except the agent stay up
// from run to run, so that a run takes seconds. After each end of the agent its outbox file is added to the ledgers.
import { readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { committedReadings } from '../../scripts/lab/kept.ts';
import { judge, type Kept, type Published } from '../../scripts/lab/ledgers.ts';
import type { LogLine, Program } from '../../scripts/lab/program.ts';
import type { Status } from '../../src/status/index.ts';
import { intersect, type Ranges } from '../../src/wire/index.ts';
import { type Account, account, type Row } from '../support/account.ts';
import { Bench } from '../support/bench.ts';
import { cloudEvicted, cloudRows } from '../support/cloudRows.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { type OutboxFile, readOutboxFile } from '../support/outboxFile.ts';
import { Postgres, type PostgresOptions, postgresUnavailable } from '../support/postgres.ts';
import { rosUnavailable } from '../support/ros.ts';
import { Load, temperatureNumber } from './load.ts';

const PER_SECOND = 200;
const DEPTH = 1_000;

/** Rows without a receipt are reported after 90 s and sent again after 60 s (docs/reference/protocol.md, Receipts). */
export const CONFIRMED_WITHIN_MS = 240_000;
/** The shortest interval between two such reports of one robot. */
const ASKS_EVERY_MS = 300_000;
const STARTED_WITHIN_MS = 30_000;

export function worldMissing(): string | false {
  return rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();
}

export class World {
  readonly bench: Bench;
  readonly load: Load;
  readonly database: pg.Pool;
  readonly postgres: Postgres;
  /** The first instance of the cloud. */
  readonly cloud: Program;
  readonly accepted = new Map<string, number>();
  readonly #seen = new Map<string, Row>();
  readonly #domain: RosDomain;

  private constructor(parts: { bench: Bench; load: Load; database: pg.Pool; domain: RosDomain; postgres: Postgres; cloud: Program }) {
    this.bench = parts.bench;
    this.load = parts.load;
    this.database = parts.database;
    this.#domain = parts.domain;
    this.postgres = parts.postgres;
    this.cloud = parts.cloud;
  }

  /** @param configuration more lines of the robot's configuration, top-level keys that the bench's does not have.
   * @param database what the server is to be like; by default quick and not durable.
   * @param settings more of the cloud's. */
  static async start(
    configuration = '',
    perSecond = PER_SECOND,
    database: PostgresOptions = {},
    settings: NodeJS.ProcessEnv = {},
  ): Promise<World> {
    const domain = await claimDomain();
    const postgres = await Postgres.start(database);
    const bench = await Bench.start();
    // After a match ROS can deliver some seconds of messages at once. The default queue of 100 messages would overflow.
    const deep = readFileSync(bench.configFile, 'utf8').replaceAll(
      'report: { on: message }',
      `report: { on: message }, qos: { depth: ${DEPTH} }`,
    );
    writeFileSync(bench.configFile, deep + configuration);
    const load = await Load.create(perSecond);
    const cloud = await bench.cloud({ url: postgres.url }, settings);
    const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
    // A campaign may kill the server.
    pool.on('error', () => {});
    return new World({ bench, load, database: pool, domain, postgres, cloud });
  }

  /** Starts the agent. Resolves when it senses. */
  async agent(env: NodeJS.ProcessEnv = {}, heard?: (line: LogLine) => void): Promise<Program> {
    const agent = this.bench.agent(env, heard);
    await agent.event('started', () => true, STARTED_WITHIN_MS);
    return agent;
  }

  /** Resolves when readings of this start arrive. */
  async sensing(): Promise<void> {
    await this.bench.status(({ channels }) => channels.some(({ messages }) => messages > 0));
  }

  /** Adds the outbox file of a dead agent to the ledgers. */
  enter(): OutboxFile {
    const file = readOutboxFile(this.bench.stateDir);
    for (const [outbox, last] of file.accepted) this.accepted.set(outbox, Math.max(last, this.accepted.get(outbox) ?? 0));
    for (const row of file.rows) this.#seen.set(`${row.outbox}/${row.seq}`, row);
    return file;
  }

  /** Adds an acknowledged row that is not in the file. */
  note(row: Row, published: Published): void {
    this.accepted.set(row.outbox, Math.max(row.seq, this.accepted.get(row.outbox) ?? 0));
    this.#seen.set(`${row.outbox}/${row.seq}`, row);
    this.load.published.push(published);
  }

  /** Resolves when the cloud has each row or its declaration. */
  drained(patienceMs = CONFIRMED_WITHIN_MS): Promise<Status> {
    return this.bench.status(({ outbox }) => outbox.unconfirmed === 0, patienceMs);
  }

  /** Stops the load, lets an agent drain and stop cleanly, and compares the ledgers. */
  async settle(env: NodeJS.ProcessEnv = {}): Promise<Settled> {
    await this.load.pause();
    return this.finish(await this.agent(env), CONFIRMED_WITHIN_MS);
  }

  /** The same with the running agent. */
  async finish(agent: Program, patienceMs = CONFIRMED_WITHIN_MS + ASKS_EVERY_MS): Promise<Settled> {
    await this.load.pause();
    const failures: string[] = [];
    const startedMs = performance.now();
    await this.drained(patienceMs).catch((error: unknown) => failures.push(error instanceof Error ? error.message : String(error)));
    const drainMs = Math.round(performance.now() - startedMs);
    const code = await agent.stop();
    if (code !== 0) failures.push(`the agent ended with ${code} on SIGTERM: ${agent.stderr.slice(-500)} ${lastOf(agent)}`);
    return { ...(await this.close(failures)), drainMs };
  }

  /** Compares the three ledgers. The agent must be stopped. */
  async close(failures: string[] = []): Promise<Omit<Settled, 'drainMs'>> {
    const file = this.enter();
    if (file.integrity !== 'ok') failures.push(`the outbox file: ${file.integrity}`);
    const committed = await cloudRows(this.database);
    const evicted = await cloudEvicted(this.database);
    const books = account({ accepted: this.accepted, seen: this.#seen.values(), held: file.rows, committed, evicted });
    // The agent itself raises the alert for a sensor's silence, so it has no published value.
    const readings = (await committedReadings(this.database)).filter(({ channel }) => !channel.endsWith('_silent'));
    const { doubled, examples } = judge(this.load.published, [], readings, 0);
    const holes = holesOf(readings, evicted);
    failures.push(...books.examples, ...holes.slice(0, 5), ...(doubled > 0 ? examples.filter((text) => text.startsWith('too many')) : []));
    return { books, doubled: Math.max(books.doubled, doubled), holes: holes.length, failures };
  }

  /** Names of all rows in the cloud. */
  async rowNames(): Promise<Set<string>> {
    return new Set((await cloudRows(this.database)).map(({ outbox, seq }) => `${outbox}/${seq}`));
  }

  async stop(): Promise<void> {
    await this.load.close();
    await this.database.end();
    await this.bench.stop();
    await this.postgres.stop();
    await this.#domain.release();
  }
}

export interface Settled {
  readonly books: Account;
  /** By the outbox's numbers or by the published values. */
  readonly doubled: number;
  /** Missing temperatures between two others of one run of the agent. */
  readonly holes: number;
  readonly failures: string[];
  readonly drainMs: number;
}

/**
 * Temperatures count up by one. Within one opening of the outbox no value may be missing between the first and the last, unless rows
 * between
 */
function holesOf(readings: readonly Kept[], evicted: ReadonlyMap<string, Ranges>): string[] {
  const last = new Map<string, { number: number; seq: number }>();
  const holes: string[] = [];
  const temperatures = readings.filter(({ channel }) => channel === 'temperature').sort((a, b) => a.seq - b.seq);
  for (const { outbox, seq, value } of temperatures) {
    const number = temperatureNumber(Number(value));
    const before = last.get(outbox);
    const declared = before && intersect([[before.seq, seq]], evicted.get(outbox) ?? []).length > 0;
    if (before && !declared && number !== before.number + 1) {
      holes.push(`${outbox}/${seq}: temperature ${number} came after ${before.number}`);
    }
    last.set(outbox, { number, seq });
  }
  return holes;
}

export function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The last lines of the agent's log. */
export function lastOf({ lines }: Program): string {
  return lines
    .slice(-5)
    .map((line) => JSON.stringify(line))
    .join('\n');
}
