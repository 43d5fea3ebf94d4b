// Tests `elderly-bot config init`: the written configuration is valid, known types are channels, and other topics are comments.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import { type FoundTopic, proposal } from '../../src/cli/configInit.ts';
import { effectiveConfig, loadConfig } from '../../src/config/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-init-'));
});
after(() => rmSync(folder, { recursive: true }));

const defaults = loadConfig(undefined, {}).config;
const published = (topic: string, ...types: string[]): FoundTopic => ({ topic, types, nodes: ['/driver'] });

describe('a proposed configuration', () => {
  const propose = (...found: FoundTopic[]) => proposeFor('kitchen-bot', 'broker.example', found);
  const proposeFor = (thing: string, endpoint: string, found: readonly FoundTopic[] = []) => {
    const made = proposal({ found, defaults, thing, endpoint, schema: 'config.schema.json' });
    const file = join(folder, `${Math.random()}.yaml`);
    writeFileSync(file, made.text);
    return { ...made, config: loadConfig(file, {}).config };
  };

  it('is a valid configuration for no topic, for one topic of each type, and for names that collide', () => {
    const types = ['Bool', 'String', 'Int32', 'Float64'].map((type) => `std_msgs/msg/${type}`);
    const sensors = ['BatteryState', 'Temperature', 'RelativeHumidity', 'Illuminance', 'FluidPressure', 'Range', 'LaserScan'];
    const all = [...types, ...sensors.map((type) => `sensor_msgs/msg/${type}`)];
    assert.deepEqual(propose().channels, []);
    const { channels, skipped, config } = propose(...all.map((type, i) => published(`/room/sensor${i}`, type)));
    assert.deepEqual([channels.length, skipped], [all.length, []]);
    for (const name of channels) assert.ok(config.channels[name], name);
    const same = propose(
      published('/a/door', 'std_msgs/msg/Bool'),
      published('/b/door', 'std_msgs/msg/Bool'),
      published('/b_door', 'std_msgs/msg/Bool'),
    );
    assert.deepEqual(same.channels, ['door', 'b_door', 'b_door_2']);
  });

  it('quotes a thing name and an endpoint that YAML would read as another type', () => {
    for (const [thing, endpoint] of [
      ['7', '[::1]:8883'],
      ['true', '10'],
      ['kitchen:', '1.5'],
    ] as const) {
      const { config } = proposeFor(thing, endpoint);
      assert.deepEqual([config.thing, config.mqtt.endpoint, config.topic_prefix], [thing, endpoint, `fleet/${thing}`]);
    }
  });

  it('treats a Bool as an alert, keeps the default channels, and leaves unknown types to a person', () => {
    const { text, channels, skipped, config } = propose(
      published('/gas_detected', 'std_msgs/msg/Bool'),
      published('/bath/waterLeak', 'std_msgs/msg/Bool'),
      published('/odom', 'nav_msgs/msg/Odometry'),
      published('/odd', 'std_msgs/msg/Bool', 'std_msgs/msg/Int32'),
      published('/rosout', 'rcl_interfaces/msg/Log'),
      published('/cmd_vel', 'geometry_msgs/msg/Twist'),
    );
    assert.deepEqual(channels, ['gas', 'water_leak']);
    assert.equal(config.channels.water_leak?.class, 'alert');
    assert.deepEqual(skipped, ['/odom', '/odd']);
    assert.match(text, /^ {2}# \/odom, nav_msgs\/msg\/Odometry, by \/driver: choose a field/m);
    assert.match(text, /^ {2}# No node published \/fire_detected\. If this robot has no such sensor:\n {2}# fire: null$/m);
    assert.equal(config.topic_prefix, 'fleet/kitchen-bot');
  });
});

describe('config show', () => {
  it('also prints the schema defaults of channels and commands', () => {
    const file = join(folder, 'short.yaml');
    writeFileSync(file, 'channels: { door: { topic: /door, qos: sensor_data } }\n');
    const values = effectiveConfig(file, {});
    const entry = (key: string) => values.find((value) => value.key === key);
    assert.deepEqual(entry('channels.door.debounce'), { key: 'channels.door.debounce', value: 0, from: 'schema' });
    assert.equal(entry('channels.door.class')?.value, 'telemetry');
    assert.deepEqual(entry('channels.door.qos'), { key: 'channels.door.qos', value: 'sensor_data', from: `${file}:1:35` });
    assert.equal(entry('channels.door.qos.depth'), undefined);
    assert.equal(entry('commands.speak.queue_offline')?.from, 'schema');
    assert.equal(entry('mqtt.interval')?.from, 'default');
    // The keys of one channel are adjacent.
    const doors = values.flatMap(({ key }, i) => (key.startsWith('channels.door.') ? [i] : []));
    assert.equal((doors.at(-1) ?? 0) - (doors[0] ?? 0), doors.length - 1);
  });
});

describe('elderly-bot config init', { skip: rosUnavailable(), timeout: 60_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
    peer = await RosPeer.start('mq2_driver');
    await peer.advertise('/kitchen/mq2', 'std_msgs/msg/Float32');
    await peer.advertise('/fall_detected', 'std_msgs/msg/Bool');
  });
  after(async () => {
    await peer.close();
    await domain.release();
  });

  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(AGENT, ['config', 'init', ...args], (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  it('writes a channel for the topic of a real node, and then refuses to overwrite the file', async () => {
    const file = join(folder, 'robot.yaml');
    const { code, stdout, stderr } = await run(file, '--thing', 'kitchen-bot');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /: channels fall, mq2\nnext: elderly-bot certs import/);
    assert.match(
      readFileSync(file, 'utf8'),
      /# \/kitchen\/mq2, std_msgs\/msg\/Float32, by \/mq2_driver\n {2}mq2:\n {4}topic: \/kitchen\/mq2/,
    );
    assert.equal(loadConfig(file, {}).config.channels.mq2?.type, 'std_msgs/msg/Float32');
    const again = await run(file);
    assert.deepEqual([again.code, /already exists.*\[FILE_EXISTS\]/.test(again.stderr)], [2, true]);
  });

  it('refuses an invalid option and leaves no file', async () => {
    for (const [option, value, expected] of [
      ['--thing', '', '--thing is "": expected 1 to 128 of '],
      ['--thing', 'two words', '--thing is "two words": expected 1 to 128 of '],
      ['--endpoint', 'x:99999', '--endpoint is "x:99999": expected a port of at most 65535'],
      ['--endpoint', 'mqtts://x', '--endpoint is "mqtts://x": expected HOST or HOST:PORT'],
    ] as const) {
      const file = join(folder, 'refused.yaml');
      const { code, stderr } = await run(file, option, value);
      assert.equal(code, 2, stderr);
      assert.ok(stderr.startsWith(`elderly-bot: ${expected}`) && stderr.endsWith('; nothing was written [CONFIG_INVALID]\n'), stderr);
      assert.ok(!existsSync(file));
    }
  });

  it('needs a file name', async () => {
    const { code, stderr } = await run();
    assert.equal(code, 2);
    assert.match(stderr, /config init needs the name of a new file/);
  });
});
