// Tests the real node in its process: signals, files, stopping and starting again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { claimDomain, type RosDomain } from '../../../scripts/lab/domain.ts';
import { type QosProfile, startRosNode } from '../../../src/ros/index.ts';
import { rosUnavailable } from '../../support/ros.ts';
import { until } from '../../support/until.ts';
import { loadTested } from './rclnodejs.ts';

const ROS = fileURLToPath(new URL('../../../src/ros/index.ts', import.meta.url));
const TESTED = fileURLToPath(new URL('rclnodejs.ts', import.meta.url));
const TSX = new URL('../../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const QOS: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: 100 };

describe('the real node in its process', { skip: rosUnavailable() }, () => {
  let domain: RosDomain;
  before(async () => {
    domain = await claimDomain();
    loadTested();
  });
  after(() => domain.release());

  async function runNode(code: string, env: Readonly<Record<string, string>> = {}) {
    const program = `import { startRosNode } from ${JSON.stringify(ROS)};
      import { loadTested } from ${JSON.stringify(TESTED)};
      loadTested();
      const node = await startRosNode({ name: 'child' });
      ${code}`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], {
      env: { ...process.env, ...env },
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    const [out, error, [exitCode, signal]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
    return { out, error, exitCode, signal };
  }

  test('installs no signal handler', async () => {
    const { out, error } = await runNode(
      `console.log(process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')); await node.stop();`,
    );
    assert.equal(out, '0 0\n', error);
  });

  test('does not prevent the end of the process by SIGTERM or by process.exit with a code', async () => {
    assert.equal((await runNode(`process.kill(process.pid, 'SIGTERM')`)).signal, 'SIGTERM');
    assert.equal((await runNode('process.exit(7)')).exitCode, 7);
  });

  test('keeps its process alive only until the node is stopped', async () => {
    const { exitCode, out, error } = await runNode(
      `setTimeout(async () => { await node.stop(); console.log('stopped'); }, 50); process.on('exit', () => console.log('exit'));`,
    );
    assert.deepEqual([exitCode, out], [0, 'stopped\nexit\n'], error);
  });

  test('writes no file, and starts even if ROS cannot write a log file', async () => {
    const home = mkdtempSync(path.join(tmpdir(), 'ros-home-'));
    const inHome = await runNode(`await node.stop()`, { HOME: home, ROS_HOME: '', ROS_LOG_DIR: '' });
    assert.equal(inHome.exitCode, 0, inHome.error);
    assert.deepEqual(readdirSync(home), []);
    rmSync(home, { recursive: true });
    const nowhere = await runNode(`await node.stop()`, { ROS_LOG_DIR: '/proc/none/log' });
    assert.equal(nowhere.exitCode, 0, nowhere.error);
  });

  test('reports a wrong ROS_DOMAIN_ID itself, before the middleware does', async () => {
    const { exitCode, error } = await runNode('', { ROS_DOMAIN_ID: 'abc' });
    assert.equal(exitCode, 1);
    assert.match(error, /ROS_DOMAIN_ID is "abc", expected a whole number from 0 to 232/);
  });

  test('refuses an invalid node name or namespace before the start', async () => {
    await assert.rejects(startRosNode({ name: 'my robot' }), { code: 'ROS_TOPIC_INVALID' });
    await assert.rejects(startRosNode({ name: 'agent', namespace: 'robot' }), { code: 'ROS_TOPIC_INVALID' });
  });

  test('subscribes, closes and stops without waiting for the idle executor', async () => {
    const node = await startRosNode({ name: 'idle' });
    await node.turn();
    const at = performance.now();
    for (let n = 0; n < 10; n += 1) {
      node.subscribe({ topic: `/idle_${n}`, type: 'std_msgs/msg/Bool', qos: QOS, onMessage: () => undefined }).close();
    }
    await node.stop();
    const took = performance.now() - at;
    assert.ok(took < 500, `${took} ms`);
  });

  test('stops even if other `setImmediate` callbacks follow its own, as under load', async () => {
    const { exitCode, out, error } = await runNode(
      `const { setImmediate: real } = globalThis;
      globalThis.setImmediate = (...given) => {
        const immediate = real(...given);
        real(() => {});
        return immediate;
      };
      await node.stop();
      console.log('stopped');`,
    );
    assert.deepEqual([exitCode, out], [0, 'stopped\n'], error);
  });

  test('stops and starts again ten times under load', async () => {
    const sender = await startRosNode({ name: 'sender' });
    const publisher = sender.advertise('/load', 'std_msgs/msg/Int32');
    const timer = setInterval(() => publisher.publish({ data: 1 }), 0);
    const tookMs: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      const node = await startRosNode({ name: `receiver_${n}` });
      let received = 0;
      node.subscribe({ topic: '/load', type: 'std_msgs/msg/Int32', qos: QOS, onMessage: () => (received += 1) });
      await until(() => received > 3, 'messages arrive');
      const at = performance.now();
      await node.stop();
      tookMs.push(performance.now() - at);
    }
    clearInterval(timer);
    await sender.stop();
    // A stop that waits for the thread's own wake-up takes half a second. A busy machine may slow one of the ten stops, but not five.
    const [, , , , middle = 0] = tookMs.toSorted((a, b) => a - b);
    assert.ok(middle < 500, `the stops took ${tookMs.map(Math.round)} ms`);
  });
});
