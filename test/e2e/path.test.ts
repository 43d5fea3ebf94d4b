// The whole path on real parts: an independent rclpy program, the agent, Mosquitto with mutual TLS, the cloud on PostgreSQL, and
// mosquitto_sub as a witness. The broker is killed and restarted in the middle.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { committedReadings, evictedRows, heldReadings } from '../../scripts/lab/kept.ts';
import { judge, type Published } from '../../scripts/lab/ledgers.ts';
import type { Program } from '../../scripts/lab/program.ts';
import { type Presence, presence, type Result, result } from '../../src/wire/index.ts';
import { AsyncApi } from '../support/asyncapi.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { Tap } from '../support/tap.ts';
import { eventually } from '../support/until.ts';

const READINGS = 2_000;
const BROKER_DIES_AT = 700;
const BROKER_AWAY_MS = 5_000;

/** If the robot reconnects before the cloud, its rows are lost, and it resends them after 90 s (docs/reference/protocol.md, Receipts). */
const CONFIRMED_WITHIN_MS = 600_000;

const BOOL = 'std_msgs/msg/Bool';

/** An alert channel hears its publisher with several readers (docs/adr/0023-read-alerts-with-three-readers.md). Two match this publisher. */
const READERS_OF_ALERT = 2;
const CHANNELS = [
  { channel: 'gas', topic: '/gas_detected', type: BOOL },
  { channel: 'fire', topic: '/fire_detected', type: BOOL },
  { channel: 'fall', topic: '/fall_detected', type: BOOL },
  { channel: 'stranger', topic: '/stranger_detected', type: BOOL },
  { channel: 'battery', topic: '/battery_state', type: 'sensor_msgs/msg/BatteryState' },
  { channel: 'temperature', topic: '/jetson_temperature', type: 'sensor_msgs/msg/Temperature' },
] as const;

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

/** The value of the i-th message. Values are unique, so that a lost or doubled one can be named. */
function message(i: number): { fields: Record<string, unknown>; value: boolean | number } {
  const kind = CHANNELS[i % CHANNELS.length]?.channel;
  if (kind === 'battery') {
    const percentage = Math.fround((i % 5_000) / 5_000);
    return { fields: { percentage }, value: Number((Number(percentage.toPrecision(7)) * 100).toPrecision(12)) };
  }
  if (kind === 'temperature') return { fields: { temperature: 20 + i / 100 }, value: 20 + i / 100 };
  const value = Math.floor(i / 60) % 2 === 1;
  return { fields: { data: value }, value };
}

describe('the main path on real parts', { skip, timeout: 900_000 }, () => {
  let domain: RosDomain;
  let postgres: Postgres;
  let bench: Bench;
  let peer: RosPeer;
  let agent: Program;
  let witness: Program;
  let tap: Tap;
  let database: pg.Client;
  const published: Published[] = [];

  const witnessed = <T>(topic: string, parse: (json: unknown) => T): T[] =>
    witness.lines
      .map(({ text }) => String(text).split(' '))
      .filter(([name]) => name === topic)
      .map(([, ...rest]) => parse(JSON.parse(rest.join(' '))));

  const startWitness = () => {
    const topics = ['results', 'presence'].flatMap((name) => ['-t', `elderly_bot/${name}`]);
    return bench.run('witness', 'mosquitto_sub', [...bench.mosquittoArguments(), '-v', ...topics]);
  };

  before(async () => {
    domain = await claimDomain();
    postgres = await Postgres.start();
    bench = await Bench.start();
    peer = await RosPeer.start('house');
    await bench.cloud({ url: postgres.url });
    witness = startWitness();
    tap = await Tap.start(bench);
    for (const { topic, type } of CHANNELS) await peer.advertise(topic, type, { depth: 1_000 });
    await peer.subscribe('/buzzer_command', BOOL);
    agent = bench.agent();
    await agent.event('connected');
    // The publisher is matched a moment before the subscriber. The first message of each topic shows that both are.
    for (const [i, { channel, topic, type }] of CHANNELS.entries()) {
      await peer.matched(topic, type === BOOL ? READERS_OF_ALERT : 1);
      const { fields, value } = message(i);
      await peer.publish(topic, type, fields);
      published.push({ channel, value });
    }
    await bench.status(({ channels }) => channels.every(({ messages }) => messages === 1));
    database = new pg.Client({ connectionString: postgres.url });
    await database.connect();
  });

  after(async () => {
    await database?.end();
    await peer?.close();
    await tap?.stop();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  it('delivers 2,000 readings of six channels to the database once each, although the broker is killed and restarted', async () => {
    let back: Promise<void> | undefined;
    for (let i = published.length; i < READINGS; i++) {
      const { channel, topic, type } = CHANNELS[i % CHANNELS.length] ?? CHANNELS[0];
      const { fields, value } = message(i);
      await peer.publish(topic, type, fields);
      published.push({ channel, value });
      if (i === BROKER_DIES_AT) {
        await bench.broker.kill();
        back = new Promise((resolve) => setTimeout(resolve, BROKER_AWAY_MS)).then(() => bench.broker.restart());
      }
    }
    await back;
    await bench.status(
      ({ outbox, channels }) => channels.reduce((sum, { messages }) => sum + messages, 0) === READINGS && outbox.unconfirmed === 0,
      CONFIRMED_WITHIN_MS,
    );
    const verdict = judge(published, [], await committedReadings(database), await evictedRows(database));
    assert.deepEqual(
      { lost: verdict.lost, doubled: verdict.doubled, committed: verdict.committed },
      { lost: 0, doubled: 0, committed: READINGS },
      verdict.examples.join('; '),
    );
  });

  it('turns a command into a ROS message and publishes its result', async () => {
    witness = startWitness();
    await agent.event('connected');
    await bench.status(({ link }) => link.state === 'connected');
    const now = Date.now();
    const command = { id: 'e2e-1', thing: THING, command: 'buzzer', value: true, issued_at: now, expires_at: now + 20_000 };
    await peer.matched('/buzzer_command');
    await bench.run('sender', 'mosquitto_pub', [...bench.mosquittoArguments(), '-t', 'elderly_bot/commands', '-m', JSON.stringify(command)])
      .exited;
    assert.deepEqual(await peer.next('/buzzer_command'), { data: true });
    const { rows } = await eventually(
      () => database.query(`select status, applied from results where id = 'e2e-1'`),
      ({ rows }) => rows.length > 0,
    );
    assert.deepEqual(rows, [{ status: 'done', applied: { data: true } }]);
    const [answer] = await eventually(
      () => Promise.resolve(witnessed('elderly_bot/results', (json): Result => result.parse(json))),
      (all) => all.length > 0,
    );
    assert.equal(answer?.status, 'done');
  });

  it('publishes its last presence on SIGTERM, exits with 0 and holds no row', async () => {
    assert.equal(await agent.stop(), 0);
    assert.ok(!agent.lines.some(({ event }) => event === 'stop_forced'), 'nothing kept the process alive');
    const farewell = await eventually(
      () => Promise.resolve(witnessed('elderly_bot/presence', (json): Presence => presence.parse(json))),
      (all) => all.some(({ online }) => !online),
    );
    assert.equal(
      farewell
        .filter(({ online }) => !online)
        .map(({ reason }) => reason)
        .join(),
      'stopped',
    );
    assert.deepEqual(heldReadings(bench.stateDir), []);
  });

  it('sends only messages that match the AsyncAPI document', () => {
    const api = new AsyncApi();
    const faults = tap.messages.map(({ channel, payload }) => api.fault(channel, payload)).filter((fault) => fault !== null);
    assert.deepEqual(faults.slice(0, 5), []);
    const seen = new Set(tap.messages.map(({ channel }) => channel));
    // Old readings may be sent before the tap has reconnected to the restarted broker. test/uplink/messages.test.ts compares them too.
    assert.deepEqual(
      api.channels.filter((channel) => channel !== 'backlog' && !seen.has(channel)),
      [],
    );
  });
});
