// The original robot, from nothing to the family: `config init` alone writes the configuration for its topics, and with it its fall, gas
// and fire reach GET /safety. Then its gas sensor is taken away. All parts are real.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../../scripts/lab/program.ts';
import { Bench, THING } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const FLOAT = 'std_msgs/msg/Float32';
const LATCHED = { durability: 'transient_local', depth: 1 } as const;

/** The detectors publish only changes, and a late subscriber gets the last one. */
const DETECTORS = ['/fall_detected', '/fire_detected', '/stranger_detected'];
const STREAMS = [
  ['/jetson_temperature', FLOAT, { data: 41.5 }],
  ['/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', { status: [{ level: 0, name: 'jetson: cpu', message: 'ok' }] }],
] as const;

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

describe('config init on the original robot', { skip, timeout: 240_000 }, () => {
  let domain: RosDomain;
  let postgres: Postgres;
  let bench: Bench;
  let robot: RosPeer;
  let mq2: RosPeer;
  let agent: Program;
  let publishing: NodeJS.Timeout;
  let gasPpm = 80;
  let origin = '';
  let token = '';

  const command = async (...args: string[]) => {
    const program = new Program('command', AGENT, args, bench.robotEnv(), ROOT);
    const code = await program.exited;
    return { code, stderr: program.stderr, out: program.lines.map((line) => line.text ?? JSON.stringify(line)).join('\n') };
  };
  const init = () =>
    command('config', 'init', bench.configFile, '--force', '--state-dir', bench.stateDir, '--endpoint', `localhost:${bench.broker.port}`);
  const read = async <T>(path: string): Promise<T> =>
    (await (await fetch(`${origin}${path}`, { headers: { authorization: `Bearer ${token}` } })).json()) as T;
  const safety = (fits: (words: Record<string, string>) => boolean) => eventually(() => read<Record<string, string>>('/safety'), fits);

  before(async () => {
    domain = await claimDomain();
    [postgres, bench] = await Promise.all([Postgres.start(), Bench.start()]);
    const cloud = await bench.cloud({ url: await postgres.createDatabase() });
    origin = String((await cloud.event('cloud_ready')).url);
    const registered = await fetch(`${origin}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ phone: '+390612345678', password: 'correct horse' }),
    });
    token = ((await registered.json()) as { access_token: string }).access_token;
    [robot, mq2] = await Promise.all([RosPeer.start('robot'), RosPeer.start('mq2')]);
    for (const topic of DETECTORS) await robot.publish(topic, BOOL, { data: false }, LATCHED);
    for (const [topic, type] of STREAMS) await robot.advertise(topic, type);
    await robot.advertise('/camera/image_raw', 'sensor_msgs/msg/Image');
    await robot.advertise('/camera/image_raw/compressed', 'sensor_msgs/msg/CompressedImage');
    await mq2.advertise('/gas_ppm', FLOAT);
    publishing = setInterval(() => {
      for (const [topic, type, fields] of STREAMS) void robot.publish(topic, type, fields).catch(() => {});
      if (!mq2.ended) void mq2.publish('/gas_ppm', FLOAT, { data: gasPpm }).catch(() => {});
    }, 250);
  });

  after(async () => {
    clearInterval(publishing);
    await robot?.close();
    await mq2?.close();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  it('writes a configuration in which config check and doctor find no error', async () => {
    const { code, stderr, out } = await init();
    assert.equal(code, 0, stderr);
    assert.match(out, /channels: gas, gas_ppm, fire, fall, stranger, temperature, diagnostics/);
    assert.match(
      readFileSync(bench.configFile, 'utf8'),
      /^ {2}battery: null {2}# NO SENSOR FOUND: nobody will be warned of an empty battery$/m,
    );
    const checked = await command('config', 'check', bench.configFile);
    assert.deepEqual([checked.code, checked.stderr], [0, '']);
    agent = bench.agent();
    await agent.event('connected');
    await bench.status(({ channels }) => channels.every(({ messages }) => messages > 0));
    const doctor = await command('doctor', '--config', bench.configFile, '--json');
    const { checks } = JSON.parse(doctor.out) as { checks: { status: string; code: string; observed: string }[] };
    assert.deepEqual(
      checks.filter(({ status }) => status === 'error').map(({ code: check, observed }) => `${check}: ${observed}`),
      [],
    );
  });

  it('brings fall, fire and gas to GET /safety, and their ends', async () => {
    for (const topic of ['/fall_detected', '/fire_detected']) await robot.publish(topic, BOOL, { data: true }, LATCHED);
    gasPpm = 812;
    const { created_at: _, ...danger } = await safety(({ gas, fall, fire }) => [gas, fall, fire].every((word) => word === 'Detected'));
    assert.deepEqual(danger, { gas: 'Detected', fire: 'Detected', fall: 'Detected', stranger: 'None' });
    gasPpm = 80;
    for (const topic of ['/fall_detected', '/fire_detected']) await robot.publish(topic, BOOL, { data: false }, LATCHED);
    await safety(({ gas, fall, fire }) => gas === 'Normal' && fall === 'None' && fire === 'None');
    const telemetry = await read<Record<string, unknown>>('/telemetry');
    assert.deepEqual([telemetry.gas, telemetry.battery, telemetry.temperature], [false, null, 41.5]);
  });

  it('shows Unknown for the gas sensor once it is gone and the robot runs without it', async () => {
    await mq2.close();
    const { code, stderr } = await eventually(
      () => init(),
      () => !/^ {2}gas:$/m.test(readFileSync(bench.configFile, 'utf8')),
      'no node publishes gas',
      { patienceMs: 60_000 },
    );
    assert.equal(code, 0, stderr);
    assert.match(readFileSync(bench.configFile, 'utf8'), /^ {2}gas: null {2}# NO SENSOR FOUND: nobody will be warned of gas$/m);
    const reloaded = await command('reload', '--config', bench.configFile);
    assert.equal(reloaded.code, 0, reloaded.stderr);
    const { fall } = await safety(({ gas }) => gas === 'Unknown');
    assert.equal(fall, 'None');
    const telemetry = await read<Record<string, unknown>>(`/telemetry?thing=${THING}`);
    assert.deepEqual([telemetry.gas, telemetry.fall, 'gas_ppm' in telemetry], [null, false, false]);
  });
});
