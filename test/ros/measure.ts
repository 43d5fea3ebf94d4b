// Measures the cost and the throughput of the ROS module: bin/with-ros node --import tsx test/ros/measure.ts [rates|idle|start]
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { claimDomain } from '../../scripts/lab/domain.ts';
import { startRosNode } from '../../src/ros/native/node.ts';
import { SAMPLES_PER_TURN } from '../../src/ros/native/subscription.ts';
import { RosPeer } from '../support/ros.ts';

const SECONDS = 3;
const IDLE_MS = 20_000;
const ADDON = fileURLToPath(new URL('../../node_modules/rclnodejs/build/Release/rclnodejs.node', import.meta.url));

/**
 * Measures Float32 samples from rclpy at several rates. The program makes the samples of each turn durable with a write and an fdatasync. A
 * wake-up takes all waiting samples, or only one sample, as rclnodejs itself does.
 */
async function rates(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'ros-rates-'));
  const file = openSync(path.join(folder, 'rows'), 'a');
  for (const samplesPerTurn of [SAMPLES_PER_TURN, 1]) {
    for (const rate of [1000, 4000, 8000, 12_000, 16_000]) {
      const node = await startRosNode({ name: 'measure', samplesPerTurn });
      const peer = await RosPeer.start();
      const topic = `/rate_${rate}`;
      let rows: unknown[] = [];
      const subscription = node.subscribe({
        topic,
        type: 'std_msgs/msg/Float32',
        qos: { reliability: 'reliable', durability: 'volatile', depth: 1000 },
        onMessage: ({ data }) => {
          if (rows.push(data) > 1) return;
          setImmediate(() => {
            writeSync(file, JSON.stringify(rows));
            fdatasyncSync(file);
            rows = [];
          });
        },
      });
      await peer.advertise(topic, 'std_msgs/msg/Float32');
      await peer.matched(topic);
      const [cpu, turnsBefore] = [process.cpuUsage(), node.turns];
      const seconds = await peer.burst(topic, 'std_msgs/msg/Float32', rate * SECONDS, rate);
      await wait(500);
      const used = process.cpuUsage(cpu);
      const turns = node.turns - turnsBefore;
      report(`${samplesPerTurn === 1 ? 'one sample' : 'all samples'} a wake-up, ${rate}/s requested`, {
        sent_per_s: Math.round((rate * SECONDS) / seconds),
        lost: rate * SECONDS - subscription.received,
        cpu_percent: Math.round((used.user + used.system) / seconds / 10_000),
        samples_per_turn: (subscription.received / turns).toFixed(1),
      });
      await peer.close();
      await node.stop();
    }
  }
  closeSync(file);
  rmSync(folder, { recursive: true });
}

async function idle(): Promise<void> {
  const node = await startRosNode({ name: 'measure' });
  for (const n of [1, 2, 3, 4, 5, 6]) {
    node.subscribe({
      topic: `/idle_${n}`,
      type: 'std_msgs/msg/Bool',
      qos: { reliability: 'reliable', durability: 'volatile', depth: 100 },
      onMessage: () => undefined,
    });
  }
  await wait(2000);
  const [cpu, at] = [process.cpuUsage(), performance.now()];
  await wait(IDLE_MS);
  const used = process.cpuUsage(cpu);
  const stopAt = performance.now();
  const rss = process.memoryUsage().rss;
  await node.stop();
  report('idle, 6 subscriptions', {
    cpu_percent: ((used.user + used.system) / (stopAt - at) / 10).toFixed(3),
    rss_mb: Math.round(rss / 1e6),
    stop_ms: (performance.now() - stopAt).toFixed(1),
  });
}

/** Measures the time and the memory until the program can create a node. Reports the median of five new processes. */
async function start(): Promise<void> {
  const dlopen = `process.dlopen({exports:{}}, ${JSON.stringify(ADDON)})`;
  const child = `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(dlopen)}])`;
  const ways = { 'load in this process': dlopen, 'check in a child process': child, "import 'rclnodejs'": `await import('rclnodejs')` };
  for (const [way, code] of Object.entries(ways)) {
    const program = `const t = performance.now(); ${code}; console.log(performance.now() - t, process.memoryUsage().rss / 1e6)`;
    const module = code.startsWith('await') ? ['--input-type=module'] : [];
    const runs = [1, 2, 3, 4, 5].map(() =>
      execFileSync(process.execPath, [...module, '-e', program], { encoding: 'utf8' })
        .split(' ')
        .map(Number),
    );
    report(way, { ms: Math.round(median(runs.map(([ms]) => ms ?? 0))), rss_mb: Math.round(median(runs.map(([, mb]) => mb ?? 0))) });
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function report(title: string, figures: Record<string, unknown>): void {
  process.stdout.write(`${title}: ${JSON.stringify(figures)}\n`);
}

const domain = await claimDomain();
const asked = process.argv[2];
for (const [name, measure] of Object.entries({ rates, idle, start })) if (asked === undefined || asked === name) await measure();
await domain.release();
