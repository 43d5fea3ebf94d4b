// A fall while the broker's access control list forbids the robot's telemetry: the real agent, Mosquitto, whose list changes while it runs,
// and the cloud on PostgreSQL.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { mosquittoAcl } from '../../cloud/src/rights/policies.ts';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { Tap } from '../support/tap.ts';
import { eventually, until } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

/** Longer than any number of immediate retries, and several times the longest wait between two tries of an alert. */
const REFUSED_MS = 60_000;
/** Alerts are tried again at most 10 s apart (src/uplink/lanes.ts); the rest is for a busy machine. */
const ARRIVES_WITHIN_MS = 40_000;

const TOPIC = '/fall_detected';
const BOOL = 'std_msgs/msg/Bool';
const ALLOWED = mosquittoAcl({ prefix: 'elderly_bot', thing: THING });
const FORBIDDEN = ALLOWED.split('\n')
  .filter((line) => line !== 'topic write elderly_bot/telemetry')
  .join('\n');

describe('a fall on a topic that the broker forbids', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let postgres: Postgres;
  let database: pg.Client;
  let peer: RosPeer;
  let tap: Tap;

  before(async () => {
    assert.notEqual(FORBIDDEN, ALLOWED);
    domain = await claimDomain();
    [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
    const url = await postgres.createDatabase();
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    tap = await Tap.start(bench);
    peer = await RosPeer.start();
    await peer.advertise(TOPIC, BOOL);
    await bench.agent().event('connected');
    await peer.matched(TOPIC);
  });

  after(async () => {
    await tap?.stop();
    await peer?.close();
    await database?.end();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  it('waits on the robot, is shown as a critical problem with topic and right, and arrives once when the topic is allowed', async () => {
    await bench.broker.changeAcl(FORBIDDEN);
    const refusedMs = performance.now();
    await peer.publish(TOPIC, BOOL, { data: true });
    const { problems } = await bench.status((status) => status.problems.some(({ code }) => code === 'publish_refused'));
    const problem = problems.find(({ code }) => code === 'publish_refused');
    assert.equal(problem?.severity, 'critical');
    assert.match(problem.text, /does not let this certificate publish on elderly_bot\/telemetry: not authorized \(0x87\)/);
    assert.match(problem.text, /`topic write elderly_bot\/telemetry`/);
    const shown = spawnSync(AGENT, ['status', '--config', bench.configFile], { encoding: 'utf8', env: bench.robotEnv() });
    assert.equal(shown.status, 1);
    assert.match(shown.stdout, /critical publish_refused/);

    // The topic of events is allowed, so the family's side learns of the problem while the alert waits.
    const event = `select 1 from events where body->>'code' = 'publish_refused'`;
    await until(async () => ((await database.query(event)).rowCount ?? 0) > 0, 'the cloud has the problem', { patienceMs: 30_000 });

    await until(() => performance.now() - refusedMs > REFUSED_MS, 'the topic was forbidden long enough', { patienceMs: 2 * REFUSED_MS });
    const { outbox } = await bench.status(() => true);
    assert.deepEqual(outbox.evicted_by, { age: 0, space: 0, poison: 0, released: 0 });
    assert.equal(outbox.held.alert, 1);
    const query = `select value from alerts where channel = 'fall'`;
    assert.deepEqual((await database.query(query)).rows, []);

    await bench.broker.changeAcl(ALLOWED);
    const rows = await eventually(
      async () => (await database.query(query)).rows,
      (found) => found.length > 0,
      'the alert is in the cloud',
      { patienceMs: ARRIVES_WITHIN_MS },
    );
    assert.deepEqual(rows, [{ value: true }]);
    await bench.status((status) => status.problems.every(({ code }) => code !== 'publish_refused') && status.outbox.held.alert === 0);
    const arrivals = tap.messages.filter(
      ({ channel, payload }) => channel === 'telemetry' && (JSON.parse(payload.toString()) as { kind: string }).kind === 'alert',
    );
    assert.equal(arrivals.length, 1);
  });
});
