// Tests alert channels under `qos: auto` with publishers of rclpy whose quality of service, bytes or definition differ. LATCHED_RESTARTS=50
// restarts a latched publisher 50 times.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import type { Channels } from '../../src/agent/sensing/channels.ts';
import { amentPrefixes, type RosNode, startRosNode } from '../../src/ros/index.ts';
import { Problems } from '../../src/status/index.ts';
import { loadedChannels, startChannelsOn } from '../support/channels.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const RESTARTS = Number(process.env.LATCHED_RESTARTS ?? 6);
const SECONDS_TO_LIVE = 0.5;
const PYTHON = fileURLToPath(new URL('../../.ros2/bin/python', import.meta.url));
const RESTARTING = fileURLToPath(new URL('../support/latched_restarts.py', import.meta.url));
const LIBRARY = 'libstd_msgs__rosidl_generator_c.so';
const BOOL = 'std_msgs/msg/Bool';
const NUMBER = 'std_msgs/msg/Int32';
const LATCHED = { durability: 'transient_local' } as const;
const QUICK = { reliability: 'best_effort' } as const;

describe('an alert channel under qos: auto', { skip: rosUnavailable(), timeout: 300_000 + RESTARTS * 10_000 }, () => {
  let domain: RosDomain;
  let ros: RosNode;
  let bench: OutboxBench;
  let channels: Channels;
  let problems: Problems;
  let peers: RosPeer[];

  before(async () => {
    domain = await claimDomain();
    ros = await startRosNode({ name: 'elderly_bot_agent', domainId: domain.id });
  });
  after(async () => {
    await ros.stop();
    await domain.release();
  });
  beforeEach(() => {
    bench = outboxBench();
    peers = [];
    problems = new Problems(
      () => 0,
      () => {},
    );
  });
  afterEach(async () => {
    channels.stop();
    bench.remove();
    await Promise.all(peers.map((peer) => peer.close()));
  });

  const start = (yaml: string) => {
    channels = startChannelsOn(bench, { loaded: loadedChannels(bench, yaml), ros, problems, lifetime: bench.lifetime });
  };
  const channel = () => {
    const [found] = channels.status();
    assert.ok(found);
    return found;
  };
  const peer = async (name: string) => {
    const started = await RosPeer.start(name);
    peers.push(started);
    return started;
  };

  it(`hears each of ${RESTARTS} starts of a latched publisher that ends half a second after its match, once`, async () => {
    start(`  alarm: { topic: /restarting, type: ${BOOL}, class: alert, event: true, clear_after: 1h }\n`);
    const child = spawn(PYTHON, [RESTARTING, '/restarting', String(RESTARTS), String(SECONDS_TO_LIVE)], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
    await until(() => channel().messages >= RESTARTS, 'each start was heard', {
      explain: () => `${channel().messages} of ${RESTARTS} messages`,
    });
    assert.deepEqual([channel().messages, channel().dropped], [RESTARTS, 0]);
  });

  it('hears the standing alert of a latched publisher beside a volatile publisher', async () => {
    const [latched, volatile] = [await peer('detector'), await peer('simulator')];
    await latched.publish('/fire', BOOL, { data: true }, LATCHED);
    await volatile.advertise('/fire', BOOL);
    start(`  flame: { topic: /fire, type: ${BOOL}, class: alert }\n`);
    await until(() => channel().alert, 'the alert is raised');
    await volatile.matched('/fire');
    await volatile.publish('/fire', BOOL, { data: false });
    await until(() => !channel().alert, 'the alert is cleared');
    assert.equal(channel().messages, 2);
  });

  it('hears each message of latched, reliable and best-effort publishers once and in order', async () => {
    start(`  count: { topic: /count, type: ${NUMBER}, class: alert, alert_when: ">= 0", report: { on: message } }\n`);
    const latched = await peer('latched');
    await latched.burst('/count', NUMBER, 50, 1_000, LATCHED);
    const reliable = await peer('reliable');
    await reliable.advertise('/count', NUMBER);
    await reliable.matched('/count', 2);
    const quick = await peer('quick');
    await quick.advertise('/count', NUMBER, QUICK);
    await quick.matched('/count');
    await Promise.all([latched, reliable].map((each) => each.burst('/count', NUMBER, 500, 1_000)));
    // Slow enough that even best effort loses nothing between two processes of one machine.
    await quick.burst('/count', NUMBER, 50, 100);
    await until(() => channel().messages >= 1_100, 'all messages are heard', { explain: () => `${channel().messages} messages` });
    assert.deepEqual([channel().messages, channel().dropped], [1_100, 0]);
    bench.outbox.flush();
    const rows = bench.db.prepare("select body from rows where channel = 'count' order by seq").all() as { body: string }[];
    const values = rows.map(({ body }) => Number.parseInt(body, 10));
    assert.deepEqual(
      values.toSorted((a, b) => a - b),
      [50, 500, 500, 50].flatMap((length) => Array.from({ length }, (_, n) => n)).toSorted((a, b) => a - b),
    );
  });

  it('hears a publisher that restarts with another quality of service', async () => {
    start(`  smoke: { topic: /smoke, type: ${BOOL}, class: alert }\n`);
    for (const [n, qos] of [LATCHED, QUICK, {}, LATCHED].entries()) {
      const detector = await peer(`detector_${n}`);
      await detector.advertise('/smoke', BOOL, qos);
      const before = channel().messages;
      await detector.matched('/smoke', qos === QUICK ? 1 : 2);
      // A best-effort publisher may be connected before the agent knows it, so its first messages may be lost.
      const publish = () => detector.publish('/smoke', BOOL, { data: n % 2 === 0 }, qos);
      await publish();
      if (qos !== QUICK) await until(() => channel().messages > before, `the message of start ${n} is heard`);
      while (channel().messages === before) await publish();
      await detector.close();
    }
  });

  it('reports messages that are not of the channel’s type, although no reader can take them', async () => {
    start(`  fumes: { topic: /gas, type: ${BOOL}, class: alert }\n`);
    const broken = await peer('broken');
    await broken.advertise('/gas', BOOL, LATCHED);
    await broken.matched('/gas', 3);
    for (let n = 0; n < 3; n += 1) await broken.publishBytes('/gas', BOOL, Buffer.from('00010000', 'hex'), LATCHED);
    await until(() => channel().health === 'unusable', 'the channel is unusable', { explain: () => JSON.stringify(channel()) });
    assert.match(String(channel().reason), /^ROS discarded a sample on \/gas, because it is not a std_msgs\/msg\/Bool/);
    await until(() => problems.standing().some(({ text }) => text.includes('a sample of 4 bytes on /gas')), 'a later sample is described');
    await broken.publish('/gas', BOOL, { data: true }, LATCHED);
    await until(() => channel().alert, 'a good message raises the alert');
  });

  it('reports also a single message that is not of the channel’s type', async () => {
    start(`  fumes: { topic: /single, type: ${BOOL}, class: alert, event: true, clear_after: 5s }\n`);
    const broken = await peer('broken');
    await broken.advertise('/single', BOOL);
    await broken.matched('/single', 2);
    await broken.publishBytes('/single', BOOL, Buffer.from('00010000', 'hex'));
    await until(() => channel().health === 'unusable', 'the channel is unusable');
    assert.deepEqual([channel().messages, channel().reason], [1, `ROS discarded a sample on /single, because it is not a ${BOOL}`]);
  });

  it('names a publisher whose durability has no effect', async () => {
    const vague = await peer('vague');
    await vague.publish('/leak', BOOL, { data: true }, { ...LATCHED, ...QUICK });
    start(`  leak: { topic: /leak, type: ${BOOL}, class: alert }\n`);
    const problem = () => problems.standing().find(({ code }) => code === 'channel_keeps_nothing');
    await until(() => problem() !== undefined, 'the problem exists');
    assert.match(
      String(problem()?.text),
      /^leak \(\/leak\): \/vague offers best_effort, transient_local; DDS keeps nothing for such a pair/,
    );
    assert.equal(channel().messages, 0);
  });

  it('names a publisher that was built with another definition of the message', async () => {
    const folder = join(bench.folder, 'overlay');
    const [here, there] = overlayLibrary(folder);
    // The wheels of ROS set LD_LIBRARY_PATH themselves.
    const older = await RosPeer.start('older', { LD_PRELOAD: join(folder, LIBRARY) });
    peers.push(older);
    start(`  door: { topic: /door, type: ${BOOL}, class: alert }\n`);
    await older.advertise('/door', BOOL);
    const problem = () => problems.standing().find(({ code }) => code === 'channel_definition_differs');
    await until(() => problem() !== undefined, 'the problem exists');
    assert.equal(
      problem()?.text,
      `door (/door): /older has another definition of ${BOOL} (RIHS01_${there.slice(0, 12)}...) than this machine (RIHS01_${here.slice(0, 12)}...)`,
    );
    assert.equal(channel().health, 'unusable');
    await older.matched('/door', 2);
    await older.publish('/door', BOOL, { data: true });
    await until(() => channel().alert, 'a message that can be decoded raises the alert');
    await older.close();
    await until(() => problem() === undefined, 'the problem ends with the publisher');
  });
});

/**
 * Copies std_msgs' library, and changes the hash of Bool in the copy, as in a library that was built from another definition.
 * @returns both hashes.
 */
function overlayLibrary(folder: string): [here: string, there: string] {
  const prefix = amentPrefixes().find((each) => existsSync(join(each, 'lib', LIBRARY)));
  assert.ok(prefix);
  const { type_hashes: hashes } = JSON.parse(readFileSync(join(prefix, 'share/std_msgs/msg/Bool.json'), 'utf8'));
  const hash = Buffer.from(String(hashes[0].hash_string).slice('RIHS01_'.length), 'hex');
  const library = readFileSync(join(prefix, 'lib', LIBRARY));
  const at = library.indexOf(hash);
  assert.notEqual(at, -1);
  const other = Buffer.from(hash).reverse();
  other.copy(library, at);
  mkdirSync(folder);
  writeFileSync(join(folder, LIBRARY), library);
  return [hash.toString('hex'), other.toString('hex')];
}
