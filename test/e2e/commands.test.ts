// Commands on real parts: `elderly-bot send`, `commands` and `commands log` beside a running agent, its guard, Mosquitto with mutual TLS,
// and an rclpy program that plays the robot.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { AGENT, type Program } from '../../scripts/lab/program.ts';
import { askStatus } from '../../src/status/index.ts';
import { MovingRobot, movingMissing } from '../faults/moving.ts';

const CONDITIONS = `
  lamp:
    topic: /lamp
    type: std_msgs/msg/Bool
    message: { data: $value }
    args: { value: { type: boolean } }
    when: [battery > 15, fall == false]
    confirm: { topic: /lamp_state, equals: $value, within: 1s }
  siren:
    topic: /siren
    type: std_msgs/msg/Float32
    message: { data: $level }
    args: { level: { type: number, min: 0, max: 1 } }
    confirm: { topic: /siren_state, type: std_msgs/msg/Bool, changes: true, within: 5s }
`;

interface Sent {
  readonly code: number | null;
  readonly result: { readonly status: string; readonly reason?: string; readonly detail?: string; readonly applied?: unknown } | null;
}

describe('commands on real parts', { skip: movingMissing(), timeout: 300_000 }, () => {
  let robot: MovingRobot;
  let agent: Program;

  const cli = async (...args: string[]) => {
    const program = robot.bench.run(args.join(' '), AGENT, [...args, '--config', robot.bench.configFile]);
    const code = await program.exited;
    return { code, lines: program.lines, stderr: program.stderr };
  };
  const send = async (...args: string[]): Promise<Sent> => {
    const { code, lines, stderr } = await cli('send', ...args, '--json');
    assert.ok(lines[0], stderr);
    return { code, result: lines[0].result as Sent['result'] };
  };
  const told = async (...args: string[]) => {
    const { result } = await send(...args);
    return [result?.status, result?.reason];
  };

  before(async () => {
    robot = await MovingRobot.start();
    appendFileSync(robot.bench.configFile, CONDITIONS);
    // `send` expects the file names of `certs dev-ca`.
    Object.assign(process.env, robot.bench.robotEnv());
    await robot.guard();
    agent = await robot.agent();
    const { peer } = robot;
    await peer.subscribe('/speak', 'std_msgs/msg/String');
    await peer.subscribe('/lamp', 'std_msgs/msg/Bool');
    await peer.subscribe('/siren', 'std_msgs/msg/Float32');
    for (const topic of ['/lamp_state', '/siren_state']) await peer.advertise(topic, 'std_msgs/msg/Bool');
    for (const topic of ['/speak', '/lamp', '/siren', '/lamp_state', '/siren_state']) await peer.matched(topic);
  });
  after(() => robot.stop());

  it('reach ROS and are answered', async () => {
    const spoken = robot.peer.next('/speak');
    const { code, result } = await send('speak', 'Guten Morgen, Frau Müller');
    assert.deepEqual([code, result?.status], [0, 'done']);
    assert.deepEqual(await spoken, { data: 'Guten Morgen, Frau Müller' });
  });

  it('report the published value if a number was clamped to its limits', async () => {
    const moved = robot.peer.next('/cmd_vel');
    const { result } = await send('drive', 'linear=5', 'duration_ms=100');
    assert.equal(result?.status, 'done');
    assert.deepEqual(result?.applied, { linear: { x: 0.3 }, angular: { z: 0 } });
    assert.match(String(result?.detail), /clamped to limits: linear/);
    assert.equal(((await moved).linear as { x: number }).x, 0.3);
  });

  it('are refused until their condition on a channel is known to hold', async () => {
    const { peer } = robot;
    assert.deepEqual(await told('lamp', 'true'), ['rejected', 'condition_not_met']);
    await peer.publish('/battery_state', 'sensor_msgs/msg/BatteryState', { percentage: 0.8 });
    await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: true });
    await robot.bench.status(({ channels }) => channels.filter(({ messages }) => messages > 0).length === 2);
    const fallen = await send('lamp', 'true');
    assert.match(String(fallen.result?.detail), /fall == false: fall is true/);
    await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: false });
    await robot.bench.status(({ channels }) => channels.some(({ name, value }) => name === 'fall' && value === false));
    const came = peer.next('/lamp');
    assert.deepEqual(await told('lamp', 'true'), ['no_effect', undefined]);
    await came;
  });

  it('are done only after the robot confirms them', async () => {
    const { peer } = robot;
    await peer.publish('/lamp_state', 'std_msgs/msg/Bool', { data: false });
    const lit = peer.next('/lamp').then(() => peer.publish('/lamp_state', 'std_msgs/msg/Bool', { data: true }));
    assert.deepEqual(await told('lamp', 'true'), ['done', undefined]);
    await lit;
    await peer.publish('/siren_state', 'std_msgs/msg/Bool', { data: false });
    const loud = peer.next('/siren').then(async () => {
      await peer.publish('/siren_state', 'std_msgs/msg/Bool', { data: false });
      await peer.publish('/siren_state', 'std_msgs/msg/Bool', { data: true });
    });
    assert.deepEqual(await told('siren', 'level=0.5'), ['done', undefined]);
    await loud;
  });

  it('that are built in are executed by the agent, or refused if it cannot execute them yet', async () => {
    assert.deepEqual(await told('ping'), ['done', undefined]);
    assert.deepEqual(await told('set_interval', '7'), ['done', undefined]);
    assert.equal((await askStatus(robot.bench.stateDir)).budget.interval_ms, 7_000);
    assert.deepEqual(await told('snapshot'), ['rejected', 'not_allowed']);
    assert.deepEqual(await told('open_door'), ['rejected', 'unknown_command']);
  });

  it('that are retained or expired never run', async () => {
    const now = Date.now();
    const old = { id: 'old', thing: 'elderly-bot', command: 'speak', value: 'old', issued_at: now - 90_000, expires_at: now - 60_000 };
    await robot.caller.sendRaw(JSON.stringify(old));
    assert.equal((await robot.caller.result('old')).status, 'expired');
    const kept = { ...old, id: 'kept', value: 'kept', issued_at: now, expires_at: now + 50_000 };
    await robot.bench.broker.kill();
    await robot.bench.broker.restart();
    await robot.caller.sendRaw(JSON.stringify(kept), { retain: true });
    const { status, reason } = await robot.caller.result('kept');
    // A subscribed robot receives the message without the retain flag, as a new one.
    assert.ok((status === 'rejected' && reason === 'retained') || status === 'done', `${status} ${reason}`);
    await robot.caller.sendRaw('', { retain: true });
    await robot.ready();
  });

  it('are listed with their results while the agent runs', async () => {
    const listed = await cli('commands');
    assert.match(JSON.stringify(listed.lines), /elderly-bot send drive linear=0.3/);
    const logged = await cli('commands', 'log', '--limit', '100');
    assert.match(JSON.stringify(logged.lines), /drive .*done, clamped to limits: linear/);
    assert.match(JSON.stringify(logged.lines), /unknown_command/);
    const { command_latency: latency, commands } = await askStatus(robot.bench.stateDir);
    assert.ok(latency.count >= 4 && commands.done && commands.rejected);
  });

  it('that wait for a confirmation are answered when the agent stops', async () => {
    const id = await robot.caller.send('siren', { args: { level: 1 } });
    await agent.event('command', (line) => line.id === id);
    assert.equal(await agent.stop(), 0);
    assert.equal((await robot.caller.result(id)).status, 'unknown');
  });
});
