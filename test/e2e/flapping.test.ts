// A gas sensor with a loose cable on real parts: rclpy publishes true and false at 500 Hz. The family sees six alerts and one that flaps, a
// fall arrives as before, and the outbox stays empty.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

const BOOL = 'std_msgs/msg/Bool';
const HZ = 500;
const SECONDS = 8;
/** Six alerts, their ends, and the alert that flaps. */
const FIRST_ROWS = 13;

interface CloudAlert {
  readonly channel: string;
  readonly isResolved: boolean;
  readonly flapping: { readonly raised: number; readonly cleared: number } | null;
}

describe('an alert that flaps at 500 Hz', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let postgres: Postgres;
  let database: pg.Client;
  let gas: RosPeer;
  let person: RosPeer;
  let agent: Program;

  before(async () => {
    domain = await claimDomain();
    [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
    const url = await postgres.createDatabase();
    writeFileSync(
      bench.configFile,
      readFileSync(bench.configFile, 'utf8').replace('gas: { report: { on: message }, alerts_per_minute: 100000 }', 'gas: {}'),
    );
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    [gas, person] = await Promise.all([RosPeer.start('gas_sensor'), RosPeer.start('camera')]);
    await gas.advertise('/gas_detected', BOOL);
    await person.advertise('/fall_detected', BOOL);
    await startAgent();
  });

  after(async () => {
    await Promise.all([gas?.close(), person?.close()]);
    await database?.end();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  const startAgent = async () => {
    agent = bench.agent();
    await agent.event('connected');
    await Promise.all([gas.matched('/gas_detected'), person.matched('/fall_detected')]);
  };

  const alerts = (fits: (all: CloudAlert[]) => boolean, what: string): Promise<CloudAlert[]> =>
    eventually(
      async () =>
        (await database.query('select channel, resolved_at is not null as "isResolved", flapping from alerts order by id'))
          .rows as CloudAlert[],
      fits,
      what,
      { patienceMs: 120_000 },
    );

  const gasRows = async (): Promise<number> =>
    Number((await database.query(`select count(*) from readings where channel = 'gas'`)).rows[0]?.count);

  it('arrives at once at first, and then adds no row, while a fall arrives as before', async () => {
    const flapping = gas.flap('/gas_detected', HZ * SECONDS, HZ);
    await alerts((all) => all.some(({ flapping: counts }) => counts !== null), 'the cloud knows that the gas alert flaps');
    await person.publish('/fall_detected', BOOL, { data: true });
    await alerts((all) => all.some(({ channel }) => channel === 'fall'), 'the fall arrives');
    await flapping;
    const all = await alerts(() => true, '');
    const ofGas = all.filter(({ channel }) => channel === 'gas');
    assert.equal(ofGas.length, 7);
    assert.deepEqual(
      ofGas.filter(({ isResolved }) => !isResolved).map(({ flapping: counts }) => counts !== null),
      [true],
    );
    // A false before the first alert is a reading too, and a slow machine has time for summaries.
    assert.ok((await gasRows()) <= FIRST_ROWS + 5, `${await gasRows()} rows of ${HZ * SECONDS} messages`);
  });

  it('is a problem with the rate and the remedy', async () => {
    const { problems, channels } = await bench.status(({ problems: found }) => found.some(({ code }) => code === 'channel_flapping'));
    const problem = problems.find(({ code }) => code === 'channel_flapping');
    assert.match(problem?.text ?? '', /^gas \(\/gas_detected\) raises its alert about \d+ times a minute.*set hold longer than 0 s/);
    assert.equal(channels.find(({ name }) => name === 'fall')?.alert, true);
  });

  it('stands through a crash, flaps on, and ends in the cloud with its counts once the sensor is calm', async () => {
    await agent.kill();
    await startAgent();
    // DDS still lists the readers of the killed agent, so only a message shows that the new ones are matched.
    const knocking = setInterval(() => void gas.publish('/gas_detected', BOOL, { data: true }), 200);
    await bench.status(({ channels }) => channels.some(({ name, messages }) => name === 'gas' && messages > 0));
    clearInterval(knocking);
    const before = await gasRows();
    await gas.flap('/gas_detected', HZ * 2, HZ);
    await gas.publish('/gas_detected', BOOL, { data: false });
    const all = await alerts(
      (found) => found.filter(({ channel, isResolved }) => channel === 'gas' && isResolved).length === 7,
      'the alert ends',
    );
    const last = all.find(({ flapping }) => flapping !== null);
    assert.ok((last?.flapping?.raised ?? 0) > HZ / 2, JSON.stringify(last));
    assert.ok((await gasRows()) - before <= 3, `${(await gasRows()) - before} rows`);
    await bench.status(({ problems }) => problems.every(({ code }) => code !== 'channel_flapping'));
    const { rows } = await database.query('select state from robots');
    assert.equal(rows[0]?.state.gas, false, 'the last value is known');
  });
});
