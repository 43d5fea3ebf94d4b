// Another program opens 5,000 connections to health.listen of a whole agent and sends nothing. The agent has the open files that its unit
// permits. An alert must arrive as fast as without them, even if the agent has to connect to the broker again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../../scripts/lab/program.ts';
import { telemetry } from '../../src/wire/index.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { Tap } from '../support/tap.ts';
import { until } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const BOOL = 'std_msgs/msg/Bool';
/** `LimitNOFILE` of systemd/elderly-bot.service. */
const OPEN_FILES = 4096;
const CONNECTIONS = 5_000;
const ROUNDS = 5;
/** A busy machine delays single messages. */
const MORE_MS = 500;

describe('5,000 idle connections to health.listen', { skip, timeout: 180_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let robot: RosPeer;
  let tap: Tap;
  let agent: Program;
  let crowd: Program;
  let url: string;
  const detectors = Array.from({ length: 2 * ROUNDS + 1 }, (_, n) => `fall_${n}`);

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    const channels = detectors.map((name) => `  ${name}: { topic: /${name}, type: ${BOOL}, class: alert }\n`);
    bench.configure(`${channels.join('')}health: { listen: "127.0.0.1:0" }\n`);
    tap = await Tap.start(bench);
    const limited = [`--nofile=${OPEN_FILES}:${OPEN_FILES}`, AGENT, 'run', '--config', bench.configFile];
    agent = new Program('agent', 'prlimit', limited, bench.robotEnv());
    url = `http://${String((await agent.event('monitor_listening')).address)}`;
    await agent.event('connected');
    robot = await RosPeer.start('robot');
    for (const name of detectors) await robot.advertise(`/${name}`, BOOL);
    for (const name of detectors) await robot.matched(`/${name}`);
  });

  after(async () => {
    await crowd?.stop();
    await agent?.stop();
    await robot?.close();
    await tap?.stop();
    await bench?.stop();
    await domain?.release();
  });

  const hasArrived = (detector: string) =>
    tap.messages.some(
      ({ channel, payload }) =>
        ['telemetry', 'backlog'].includes(channel) &&
        telemetry.parse(JSON.parse(payload.toString())).readings.some(([, , name]) => name === detector),
    );

  const fall = async (detector: string): Promise<number> => {
    const startMs = performance.now();
    await robot.publish(`/${detector}`, BOOL, { data: true });
    await until(() => hasArrived(detector), `the alert of ${detector}`, { everyMs: 1, patienceMs: 30_000 });
    return performance.now() - startMs;
  };

  const median = async (names: readonly string[]): Promise<number> => {
    const tookMs: number[] = [];
    for (const name of names) tookMs.push(await fall(name));
    return tookMs.sort((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0;
  };

  it('do not delay an alert', async (t) => {
    const aloneMs = await median(detectors.slice(0, ROUNDS));
    const script = `${ROOT}test/support/idleConnections.ts`;
    crowd = new Program('crowd', process.execPath, ['--import', 'tsx', script, new URL(url).port, String(CONNECTIONS)]);
    await crowd.event('idle');
    const amongMs = await median(detectors.slice(ROUNDS, 2 * ROUNDS));
    t.diagnostic(`an alert took ${aloneMs.toFixed(1)} ms alone, and ${amongMs.toFixed(1)} ms among ${CONNECTIONS} connections`);
    assert.ok(amongMs < 2 * aloneMs + MORE_MS, `${amongMs} ms instead of ${aloneMs} ms`);
  });

  it('leave open files for a new connection to the broker', async () => {
    await bench.broker.kill();
    await bench.broker.restart();
    await fall(detectors.at(-1) ?? '');
  });

  it('leave a connection for the monitoring system', async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const open = Number(/^process_open_fds (\d+)$/m.exec(text)?.[1]);
    assert.ok(open > 0 && open < 300, `${open} open files`);
  });
});
