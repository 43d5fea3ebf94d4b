// Tests `elderly-bot simulate`: simulated messages raise and clear alerts as configured, and the agent runs on them without ROS 2.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { parseScript } from '../../src/cli/simulate.ts';
import { sensorOf } from '../../src/cli/simulatedSensors.ts';
import { configSchema, loadConfig } from '../../src/config/index.ts';
import { AgentError } from '../../src/errors.ts';
import { Channel } from '../../src/sensing/index.ts';
import { Bench } from '../support/bench.ts';
import { findMosquitto } from '../support/mosquitto.ts';

describe('a simulated sensor', () => {
  const base = loadConfig(undefined, {}).config;
  const channelOf = (entry: object) => {
    const parsed = configSchema.shape.channels.parse({ one: { topic: '/one', ...entry } });
    assert.ok(parsed.one);
    return parsed.one;
  };
  const isAlert = (entry: object, isOn: boolean) => {
    const channel = channelOf({ class: 'alert', ...entry });
    const sensor = sensorOf(channel);
    assert.ok(sensor);
    const gate = new Channel('one', channel, { standing: new Map(), startMs: 0 });
    const message = sensor.message(isOn, 0);
    if (message) gate.accept(message, 1_000);
    return gate.status(1_000).alert;
  };

  for (const [condition, entry] of [
    ['true', {}],
    ['false', { alert_when: false }],
    ['a number above a limit', { type: 'std_msgs/msg/Float32', alert_when: '> 60' }],
    ['a number at or below a limit, with hysteresis', { type: 'std_msgs/msg/Float32', alert_when: { raise: '<= 10', clear: '> 20' } }],
    ['a scaled number', { type: 'std_msgs/msg/Float32', scale: 100, alert_when: '> 60' }],
    ['another word', { type: 'std_msgs/msg/String', alert_when: '!= None' }],
    ['a nested field', { type: 'geometry_msgs/msg/Twist', field: 'linear.x', alert_when: '> 1' }],
    ['an event without a value', { type: 'std_msgs/msg/Empty', event: true }],
    ['the minimum of an array', { type: 'sensor_msgs/msg/LaserScan', field: 'ranges[*] | min', alert_when: '< 0.3' }],
  ] as const) {
    it(`raises its alert exactly while its event is on, for ${condition}`, () => {
      assert.deepEqual([isAlert(entry, true), isAlert(entry, false)], [true, false]);
    });
  }

  it('has the configured type and stays in the valid range of its channel', () => {
    for (const [name, channel] of Object.entries(base.channels)) {
      const sensor = sensorOf(channel);
      assert.equal(sensor?.type, channel.type);
      const gate = new Channel(name, channel, { standing: new Map(), startMs: 0 });
      for (const nowMs of [0, 30_000, 90_000]) gate.accept(sensor?.message(false, nowMs) ?? {}, nowMs + 1);
      assert.notEqual(gate.status(1e6).value, null, name);
    }
  });

  it('does not exist for messages that cannot be generated', () => {
    assert.equal(sensorOf(channelOf({ diagnostics: { name: 'motors' } })), undefined);
    assert.equal(sensorOf(channelOf({ field: 'status[0].level' })), undefined);
  });
});

describe('a script of faults', () => {
  it('has lines of time, channel and fault, which are sorted by time', () => {
    assert.deepEqual(parseScript('# a fall\n1m stop\n500ms fall on # now\n\n2s gas mute\n', 's', ['fall', 'gas']), [
      { atMs: 500, channel: 'fall', fault: 'on' },
      { atMs: 2_000, channel: 'gas', fault: 'mute' },
      { atMs: 60_000, channel: undefined, fault: 'off' },
    ]);
  });

  it('is refused with the number of the invalid line', () => {
    for (const [text, seen] of [
      ['5s fal on', /s:1: 5s fal on: expected one of fall/],
      ['\n5 fall on', /s:2: 5 fall on: expected TIME/],
    ] as const) {
      assert.throws(
        () => parseScript(text, 's', ['fall']),
        (error) => error instanceof AgentError && seen.test(error.message),
      );
    }
  });
});

describe('elderly-bot simulate --no-ros', { skip: findMosquitto() ? false : 'no Mosquitto', timeout: 300_000 }, () => {
  let bench: Bench;
  let folder: string;
  before(async () => {
    bench = await Bench.start();
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-simulate-'));
  });
  after(async () => {
    await bench.stop();
    rmSync(folder, { recursive: true });
  });

  it('runs the agent without ROS 2: an event of the script becomes an alert at a real broker', async () => {
    const script = join(folder, 'script');
    writeFileSync(script, '200ms fall on\n30s stop\n');
    const env = bench.robotEnv({ AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: folder });
    const program = new Program('simulate', AGENT, ['simulate', '--no-ros', '--script', script, '--config', bench.configFile], env);
    await program.event('fault', (line) => line.channel === 'fall');
    const status = await bench.status(
      ({ channels, delivered }) => channels.some(({ name, alert }) => name === 'fall' && alert) && delivered.acknowledged_rows > 0,
    );
    assert.deepEqual(
      status.channels.filter(({ alert }) => alert).map(({ name }) => name),
      ['fall'],
    );
    assert.equal(await program.stop(), 0);
  });

  it('reports a missing script with exit code 2', async () => {
    const program = new Program(
      'simulate',
      AGENT,
      ['simulate', '--no-ros', '--script', 'none', '--config', bench.configFile],
      bench.robotEnv(),
    );
    assert.equal(await program.exited, 2);
    assert.match(program.stderr, /script none: no such file; .* \[CONFIG_NOT_FOUND\]/);
  });
});
