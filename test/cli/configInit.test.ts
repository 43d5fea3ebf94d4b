// Tests `elderly-bot config init` with real nodes, its refusals, and `config show`. test/configInit tests the proposals.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import { effectiveConfig, loadConfig } from '../../src/config/index.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-init-'));
});
after(() => rmSync(folder, { recursive: true }));

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

describe('elderly-bot config init', { skip: rosUnavailable(), timeout: 300_000 }, () => {
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

  it('writes a channel for the topic of a real node, and replaces the file only with --force', async () => {
    const file = join(folder, 'robot.yaml');
    const { code, stdout, stderr } = await run(file, '--thing', 'kitchen-bot');
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /from 2 topics of ROS domain \d+\nchannels: gas, gas_level, fall\nNO SENSOR FOUND for fire, stranger, battery, temp/,
    );
    assert.match(
      readFileSync(file, 'utf8'),
      /# \/kitchen\/mq2, std_msgs\/msg\/Float32, by \/mq2_driver\n(.*\n)* {2}gas:\n {4}topic: \/kitchen\/mq2/,
    );
    assert.equal(loadConfig(file, {}).config.channels.gas?.type, 'std_msgs/msg/Float32');
    const again = await run(file);
    assert.deepEqual([again.code, /already exists.*--force \[FILE_EXISTS\]/.test(again.stderr)], [2, true]);
    assert.match(readFileSync(file, 'utf8'), /^thing: kitchen-bot$/m);
    const replaced = await run(file, '--thing', 'hall-bot', '--force');
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.match(readFileSync(file, 'utf8'), /^thing: hall-bot$/m);
  });

  it('writes nothing if no node publishes, and names the domain', async () => {
    const empty = await claimDomain();
    try {
      const file = join(folder, 'nothing.yaml');
      const { code, stdout, stderr } = await run(file);
      assert.deepEqual([code, stdout, existsSync(file)], [2, '', false]);
      const domain = process.env.ROS_DOMAIN_ID;
      assert.match(
        stderr,
        new RegExp(`no node publishes a topic in ROS domain ${domain}, so nothing was written; .*ROS_DOMAIN_ID.*\\[NOTHING_PUBLISHED\\]`),
      );
    } finally {
      await empty.release();
    }
  });

  it('refuses an invalid option and leaves no file', async () => {
    for (const [option, value, expected] of [
      ['--thing', '', '--thing is "": expected 1 to 128 of '],
      ['--thing', 'two words', '--thing is "two words": expected 1 to 128 of '],
      ['--endpoint', 'x:99999', '--endpoint is "x:99999": expected a port of at most 65535'],
      ['--api', 'cloud.example.org', '--api is "cloud.example.org": expected an origin'],
      ['--namespace', 'robot1', '--namespace is "robot1": expected a ROS namespace'],
      ['--endpoint', 'mqtts://x', '--endpoint is "mqtts://x": expected HOST or HOST:PORT'],
    ] as const) {
      const file = join(folder, 'refused.yaml');
      const { code, stderr } = await run(file, option, value);
      assert.equal(code, 2, stderr);
      assert.ok(stderr.startsWith(`elderly-bot: ${expected}`) && stderr.endsWith('; nothing was written [CONFIG_INVALID]\n'), stderr);
      assert.ok(!existsSync(file));
    }
  });

  it('refuses a folder that does not exist', async () => {
    const { code, stderr } = await run(join(folder, 'missing', 'robot.yaml'));
    assert.equal(code, 2);
    assert.match(stderr, /missing: ENOENT.*; there is no such file or folder\n$/);
  });

  it('needs a file name', async () => {
    const { code, stderr } = await run();
    assert.equal(code, 2);
    assert.match(stderr, /config init needs the name of a new file/);
  });
});
