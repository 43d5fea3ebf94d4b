// The outbox file or the state directory is deleted or replaced under a running agent, on real parts. The agent notices it and writes its
// rows again; each alert reaches the cloud, and no row is missing without a declaration.
import assert from 'node:assert/strict';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import pg from 'pg';
import { mosquittoAcl } from '../../cloud/src/rights/policies.ts';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const ALLOWED = mosquittoAcl({ prefix: 'elderly_bot', thing: THING });
const FORBIDDEN = ALLOWED.replace('topic write elderly_bot/telemetry\n', '');
const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

describe('state that is deleted under the agent', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let postgres: Postgres;
  let peer: RosPeer;
  let bench: Bench;
  let database: pg.Client;
  let agent: Program;
  let tests = 0;

  before(async () => {
    domain = await claimDomain();
    postgres = await Postgres.start();
    peer = await RosPeer.start();
  });

  after(async () => {
    await peer?.close();
    await postgres?.stop();
    await domain?.release();
  });

  beforeEach(async () => {
    bench = await Bench.start();
    const url = await postgres.createDatabase();
    // An agent of an earlier test may still be matched to its topic.
    const topic = `/tumble_${++tests}`;
    await peer.advertise(topic, BOOL);
    bench.configure(`  tumble: { topic: ${topic}, type: std_msgs/msg/Bool, class: alert }\n`);
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    agent = bench.agent();
    await agent.event('connected');
    await peer.matched(topic);
    await bench.status(({ outbox }) => outbox.receipts_seen);
    await bench.broker.changeAcl(FORBIDDEN);
    await peer.publish(topic, BOOL, { data: true });
    await bench.status(({ outbox }) => outbox.held.alert > 0);
    await bench.status(({ channels }) => channels.some(({ name, alert }) => name === 'tumble' && alert));
  });

  afterEach(async () => {
    await database?.end();
    await bench?.stop();
  });

  /** The alert was committed to the lost file, and the broker has not had it. */
  const recovers = async () => {
    await agent.event('storage_lost');
    const { problems } = await bench.status(({ problems: standing }) => standing.some(({ code }) => code === 'outbox_damaged'));
    assert.match(problems.find(({ code }) => code === 'outbox_damaged')?.text ?? '', /was deleted or replaced while the agent used it/);
    await bench.broker.changeAcl(ALLOWED);
    const query = `select value from readings where channel = 'tumble' and alert = 'raised'`;
    const rows = await eventually(
      async () => (await database.query(query)).rows,
      (found) => found.length > 0,
      'the alert is in the cloud',
      { patienceMs: 60_000 },
    );
    assert.deepEqual(
      rows.map(({ value }) => value),
      [true],
    );
    await bench.status(({ outbox }) => outbox.unconfirmed === 0, 120_000);
    const { rows: closed } = await database.query(`select body from events where body->>'kind' = 'outbox_closed'`);
    assert.deepEqual(closed, [], 'no row is lost');
    assert.ok(existsSync(join(bench.stateDir, 'outbox.db')));
  };

  it('rescues the rows of a deleted outbox file', async () => {
    rmSync(join(bench.stateDir, 'outbox.db'));
    await recovers();
  });

  it('rescues the rows of a deleted state directory', async () => {
    rmSync(bench.stateDir, { recursive: true });
    await recovers();
  });

  it('rescues the rows of a file that an older copy replaces', async () => {
    cpSync(join(bench.stateDir, 'outbox.db'), join(bench.stateDir, 'copy.db'));
    renameSync(join(bench.stateDir, 'copy.db'), join(bench.stateDir, 'outbox.db'));
    await recovers();
  });
});
