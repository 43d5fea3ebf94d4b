// Values on real parts: rclpy publishes milliseconds, batteries of five kinds and scans, and the values arrive exactly in SQLite,
// PostgreSQL and GET /telemetry. The agent first runs without a broker, so that its rows stay in SQLite.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { committedReadings, heldReadings } from '../../scripts/lab/kept.ts';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { type Fields, RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

const INT = 'std_msgs/msg/Int64';
const BATTERY = 'sensor_msgs/msg/BatteryState';
const SCAN = 'sensor_msgs/msg/LaserScan';

const SINCE = 1_763_929_998_000;
const MILLISECONDS = [1, 2, 3, 4, 5].map((ms) => SINCE + ms);

interface BatteryKind {
  readonly title: string;
  readonly entry?: string;
  readonly messages: readonly Fields[];
  readonly readings: readonly (number | null)[];
  readonly reads: RegExp;
  readonly unusable?: RegExp;
}

const BATTERIES: Readonly<Record<string, BatteryKind>> = {
  pack_share: {
    title: 'from 0 to 1',
    messages: [{ percentage: 0.87 }, { percentage: 0.5 }],
    readings: [87, 50],
    reads: /the range is 0 to 1,/,
  },
  pack_percent: {
    title: 'from 0 to 100',
    messages: [57, 56, 18, 3, 0.6].map((percentage) => ({ percentage })),
    readings: [57, 56, 18, 3, 0.6],
    reads: /^percentage 0\.6 is 0\.6 %: the range is 0 to 100, because there were higher values$/,
  },
  pack_volts: {
    title: 'with a voltage, and full and empty configured',
    entry: ', full: 12.6, empty: 9.6',
    messages: [{ percentage: 'NaN', voltage: 11.1 }],
    readings: [50],
    reads: /^voltage 11\.1 is 50 % between empty: 9\.6 and full: 12\.6/,
  },
  pack_nan: {
    title: 'with a voltage alone',
    messages: [{ percentage: 'NaN', voltage: 12.3 }],
    readings: [null],
    reads: /^percentage NaN/,
    unusable: /to use the voltage of 12\.3 V, set full and empty to the volts of the full and of the empty battery$/,
  },
  pack_dummy: {
    title: 'with a percentage of 0.0 that was never set',
    messages: [{ percentage: 0, voltage: 12.3 }],
    readings: [null],
    reads: /^percentage 0 perhaps/,
    unusable: /^percentage 0 perhaps means that no charge was measured; to use the voltage of 12\.3 V, set full/,
  },
};

const SCANS: readonly (readonly [ranges: readonly (number | string)[], value: number | null])[] = [
  [[0, 'Infinity', 1.5, 9], 1.5],
  [[1.5, '-Infinity', 'Infinity'], null],
  [[0, 'Infinity', 'NaN'], null],
];

const CHANNELS = [
  `clock_ms: { topic: /clock_ms, type: ${INT}, report: { on: message } }`,
  `large: { topic: /large, type: ${INT}, report: { on: message } }`,
  ...Object.entries(BATTERIES).map(([name, { entry = '' }]) => `${name}: { topic: /${name}, unit: auto${entry}, report: { on: message } }`),
  `obstacle: { topic: /scan, type: ${SCAN}, field: "ranges[*] | min", class: alert, alert_when: "< 0.3", report: { on: message } }`,
];

describe('values on real parts', { skip, timeout: 240_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let postgres: Postgres;
  let database: pg.Client;
  let peer: RosPeer;
  let agent: Program;

  const matched = async () => {
    for (const topic of ['/clock_ms', '/jetson_temperature', ...Object.keys(BATTERIES).map((name) => `/${name}`)])
      await peer.matched(topic);
  };
  const channel = async (name: string, isReady: (messages: number) => boolean) => {
    const { channels } = await bench.status((status) => isReady(status.channels.find((each) => each.name === name)?.messages ?? 0));
    return channels.find((each) => each.name === name) ?? assert.fail(name);
  };

  before(async () => {
    domain = await claimDomain();
    [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
    bench.configure(CHANNELS.map((line) => `  ${line}\n`).join(''));
    // GET /telemetry shows only the six inherited channels.
    const temperature = `temperature: { type: ${INT}, field: data, unit: ms, min: 0, max: 1.0e+16, report: { on: message } }`;
    writeFileSync(bench.configFile, readFileSync(bench.configFile, 'utf8').replace(/temperature: .*/, temperature));
    peer = await RosPeer.start();
    for (const topic of ['/clock_ms', '/large', '/jetson_temperature']) await peer.advertise(topic, INT);
    for (const name of Object.keys(BATTERIES)) await peer.advertise(`/${name}`, BATTERY);
    await peer.advertise('/scan', SCAN);
    await bench.broker.kill();
    agent = bench.agent();
    await agent.event('started');
    await matched();
    for (const topic of ['/large', '/scan']) await peer.matched(topic);
  });

  after(async () => {
    await peer?.close();
    await database?.end();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  for (const [name, { title, messages, reads, unusable }] of Object.entries(BATTERIES)) {
    it(`status says how it reads a battery ${title}`, async () => {
      for (const fields of messages) await peer.publish(`/${name}`, BATTERY, fields);
      const status = await channel(name, (received) => received === messages.length);
      assert.match(status.reads ?? '', reads);
      if (unusable === undefined) return;
      const found = await bench.status(({ problems }) => problems.some(({ subject }) => subject === name));
      assert.match(found.channels.find((each) => each.name === name)?.unusable?.reason ?? '', unusable);
      const { stdout } = spawnSync(AGENT, ['status', '--config', bench.configFile], { encoding: 'utf8', env: bench.robotEnv() });
      assert.match(
        stdout,
        new RegExp(`channel_unusable for .*: ${name} \\(/${name}\\): percentage .*; to use the voltage of .*, set full and empty`),
      );
    });
  }

  it('milliseconds differ in SQLite, and a number beyond 2^53 is unusable', async () => {
    for (const data of MILLISECONDS) await peer.publish('/clock_ms', INT, { data });
    for (const data of ['9007199254740991', '9007199254740993', '9007199254740993']) await peer.publish('/large', INT, { data });
    await channel('clock_ms', (received) => received === MILLISECONDS.length);
    const { unusable } = await channel('large', (received) => received === 3);
    assert.match(unusable?.reason ?? '', /^9007199254740993 is beyond 2\^53/);
    assert.match(unusable?.suggestion ?? '', /^scale: 0\.001 /);
  });

  it('a scan is an alert if an obstacle is too close, and not for beams without an echo', async () => {
    for (const [ranges] of SCANS) await peer.publish('/scan', SCAN, { range_min: 0.12, range_max: 8, ranges });
    const { alert, unusable } = await channel('obstacle', (received) => received === SCANS.length);
    assert.deepEqual([alert, unusable], [false, null]);
  });

  it('SQLite has each value as published', async () => {
    assert.equal(await agent.stop(), 0);
    const held = heldReadings(bench.stateDir).sort((a, b) => a.seq - b.seq);
    const valuesOf = (name: string) => held.filter(({ channel }) => channel === name).map(({ value }) => value);
    assert.deepEqual(valuesOf('clock_ms'), MILLISECONDS);
    assert.deepEqual(valuesOf('large'), [Number.MAX_SAFE_INTEGER, null, null]);
    for (const [name, { readings }] of Object.entries(BATTERIES)) assert.deepEqual(valuesOf(name), readings, name);
    assert.deepEqual(
      valuesOf('obstacle'),
      SCANS.map(([, value]) => value),
    );
  });

  it('the cloud has the same values, and the alert of the scan', async () => {
    const url = await postgres.createDatabase();
    await bench.broker.restart();
    const cloud = await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    agent = bench.agent();
    await agent.event('connected');
    const stored = await eventually(
      () => committedReadings(database),
      (rows) => rows.filter(({ channel }) => channel === 'clock_ms').length === MILLISECONDS.length,
      'the readings of the first run',
      { patienceMs: 60_000 },
    );
    const valuesOf = (name: string) => stored.filter(({ channel }) => channel === name).map(({ value }) => value);
    assert.deepEqual(valuesOf('clock_ms').sort(), MILLISECONDS);
    assert.deepEqual(valuesOf('pack_percent').sort(), [0.6, 18, 3, 56, 57]);
    const { rows } = await database.query(
      `select alert, value from readings where channel = 'obstacle' and alert is not null order by seq`,
    );
    assert.deepEqual(rows, [
      { alert: 'raised', value: null },
      { alert: 'cleared', value: null },
    ]);

    await matched();
    const origin = String((await cloud.event('cloud_ready')).url);
    for (const data of MILLISECONDS) {
      await peer.publish('/jetson_temperature', INT, { data });
      const shown = async () => (await (await fetch(`${origin}/telemetry`)).json()) as { temperature?: unknown };
      await eventually(shown, ({ temperature }) => temperature === data, `GET /telemetry has ${data}`);
    }
  });

  it('a battery that counts to 100 is known after the restart', async () => {
    await peer.publish('/pack_percent', BATTERY, { percentage: 0.6 });
    const { value } = await channel('pack_percent', (received) => received > 0);
    assert.equal(value, 0.6);
  });
});
