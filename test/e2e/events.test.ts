// Detectors that report events, on real parts: rclpy publishes std_msgs/Empty and a String that never says that all is well. The family
// sees one alert for each event, with the number of its repetitions.
import assert from 'node:assert/strict';
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

const EMPTY = 'std_msgs/msg/Empty';
const STRING = 'std_msgs/msg/String';

/** Repetitions and a restart of the agent have to fit into it on a slow machine. */
const LONG = '20s';
const CHANNELS = `
  tumble: { topic: /tumble, class: alert, type: ${EMPTY}, event: true, clear_after: 1s }
  call: { topic: /call, class: alert, event: true, clear_after: ${LONG} }
  knock: { topic: /knock, class: alert, event: true, clear_after: ${LONG} }
  noise: { topic: /noise, class: alert, alert_when: "== SCREAM", event: true, clear_after: 1s }
`;
const TYPES = { tumble: EMPTY, call: EMPTY, knock: EMPTY, noise: STRING } as const;
type Name = keyof typeof TYPES;

interface CloudAlert {
  readonly incident: string;
  readonly value: unknown;
  readonly isResolved: boolean;
  readonly occurrences: string | null;
}

describe('a detector that reports events', { skip, timeout: 180_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let postgres: Postgres;
  let database: pg.Client;
  let peer: RosPeer;
  let agent: Program;

  before(async () => {
    domain = await claimDomain();
    [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
    const url = await postgres.createDatabase();
    bench.configure(CHANNELS);
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    peer = await RosPeer.start();
    for (const [name, type] of Object.entries(TYPES)) await peer.advertise(`/${name}`, type);
    await startAgent();
  });

  after(async () => {
    await peer?.close();
    await database?.end();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  const startAgent = async () => {
    agent = bench.agent();
    await agent.event('connected');
    for (const name of Object.keys(TYPES)) await peer.matched(`/${name}`);
  };

  const publish = (name: Name, fields: Record<string, unknown> = {}) => peer.publish(`/${name}`, TYPES[name], fields);

  const alertsOf = (name: Name, fits: (alerts: CloudAlert[]) => boolean, what: string): Promise<CloudAlert[]> =>
    eventually(
      async () =>
        (
          await database.query(
            'select incident, value, resolved_at is not null as "isResolved", occurrences from alerts where channel = $1 order by id',
            [name],
          )
        ).rows as CloudAlert[],
      fits,
      what,
      { patienceMs: 60_000 },
    );

  const resolved = (name: Name, count: number) =>
    alertsOf(name, (all) => all.filter(({ isResolved }) => isResolved).length === count, `${count} alerts of ${name} are resolved`);

  it('raises three incidents for three falls that are further apart than clear_after', async () => {
    for (let falls = 1; falls <= 3; falls++) {
      await publish('tumble');
      await resolved('tumble', falls);
    }
    const all = await resolved('tumble', 3);
    assert.equal(new Set(all.map(({ incident }) => incident)).size, 3);
    assert.deepEqual(
      all.map(({ value, occurrences }) => [value, occurrences]),
      [1, 2, 3].map(() => [true, '1']),
    );
    const { rows } = await database.query('select state from robots');
    assert.equal(rows[0]?.state.tumble, false, 'the flat state says that no fall is happening');
  });

  it('raises one incident for repetitions within clear_after, whose number status and the cloud show', async () => {
    for (const _ of [1, 2, 3]) await publish('call');
    await bench.status(({ channels }) => channels.some(({ name, alert, occurrences }) => name === 'call' && alert && occurrences === 3));
    const [alert, ...more] = await resolved('call', 1);
    assert.deepEqual([alert?.occurrences, more], ['3', []]);
  });

  it('raises an incident for each text that means danger, although no other text ever comes', async () => {
    for (const count of [1, 2]) {
      await publish('noise', { data: 'SCREAM' });
      await resolved('noise', count);
    }
    const all = await alertsOf('noise', () => true, '');
    assert.deepEqual(
      all.map(({ value }) => value),
      ['SCREAM', 'SCREAM'],
    );
  });

  it('continues the incident if the agent is killed meanwhile, clears it later, and then opens a new one', async () => {
    await publish('knock');
    const [open] = await alertsOf('knock', (all) => all.length === 1, 'the alert is in the cloud');
    await agent.kill();
    assert.equal(open?.isResolved, false);
    await startAgent();
    await bench.status(({ channels }) => channels.some(({ name, alert }) => name === 'knock' && alert));
    const [cleared, ...more] = await resolved('knock', 1);
    assert.deepEqual([cleared?.incident, more], [open?.incident, []]);
    await publish('knock');
    const all = await alertsOf('knock', ({ length }) => length === 2, 'a new incident');
    assert.notEqual(all[1]?.incident, open?.incident);
  });
});
