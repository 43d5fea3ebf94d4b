// Tests the unit in a real systemd: the agent restarts after every end, loses no row, and the next start reports the cause.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Caller } from '../support/caller.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { type Fields, RosPeer, rosUnavailable } from '../support/ros.ts';
import { ServiceBench, STATE, UNIT } from '../support/service.ts';
import { LAB_AGENT, ROBOT_USER, systemdMissing } from '../support/systemd.ts';

const skip = systemdMissing() || rosUnavailable() || mosquittoUnavailable();
const BOOL = 'std_msgs/msg/Bool';
const TWIST = 'geometry_msgs/msg/Twist';
const GUARD = 'elderly-bot-guard.service';
const MOVES = `
commands:
  drive:
    topic: /cmd_vel
    type: ${TWIST}
    message: { linear: { x: $linear } }
    args:
      linear: { type: number, min: -0.3, max: 0.3, default: 0 }
      duration_ms: { type: integer, min: 50, max: 2000, default: 500 }
    motion: true
`;

describe('the service in a real systemd', { skip, timeout: 600_000 }, () => {
  let domain: RosDomain;
  let bench: ServiceBench;
  let robot: RosPeer;

  before(async () => {
    domain = await claimDomain();
    bench = await ServiceBench.start(domain);
    robot = await RosPeer.start('robot', domain.env, ROBOT_USER.id);
  });

  after(async () => {
    await robot?.close();
    await bench?.stop();
    await domain?.release();
  });

  const properties = (...names: string[]) => bench.lab.properties(UNIT, ...names);
  const lastRun = async () => (await bench.status(({ last_run: last }) => last !== null)).last_run;
  const anotherPing = async () => {
    const pinged = () => properties('WatchdogTimestampMonotonic').WatchdogTimestampMonotonic;
    const last = pinged();
    await bench.lab.until(() => pinged() !== last, 10_000);
  };
  const messagesOf = async (channel: string) =>
    (await bench.status(() => true)).channels.find(({ name }) => name === channel)?.messages ?? 0;
  const rows = async () => (await bench.status(() => true)).outbox;

  it('is ready after the installation when it receives ROS messages', async () => {
    assert.match(bench.install(), /created the user elderly-bot\n[\s\S]*elderly-bot runs as elderly-bot/);
    assert.equal(properties('ActiveState').ActiveState, 'active');
    const { link, last_run: last } = await bench.status(({ link: { state } }) => state === 'connected');
    assert.deepEqual([link.state, last], ['connected', null]);
    await bench.lab.until(() => /connected, \d+ rows unconfirmed/.test(String(properties('StatusText').StatusText)), 10_000);
  });

  it('shows its state and log', () => {
    const elderlyBot = (...args: string[]) => bench.lab.run(LAB_AGENT, 'service', ...args);
    assert.deepEqual([elderlyBot('status').code, /Status: "connected/.test(elderlyBot('status').text)], [0, true]);
    assert.match(elderlyBot('logs', '--lines', '50').text, /"event":"started"/);
  });

  it('receives from nodes of another user', async () => {
    await robot.advertise('/fall_detected', BOOL);
    await robot.matched('/fall_detected');
    await robot.publish('/fall_detected', BOOL, { data: true });
    const { channels } = await bench.status(({ channels: all }) => all.some(({ name, messages }) => name === 'fall' && messages > 0));
    assert.equal(channels.find(({ name }) => name === 'fall')?.value, true);
  });

  it('reloads, and reports that an invalid file changed nothing', async () => {
    bench.configure(`${bench.configuration}  door: { topic: /door, type: ${BOOL}, field: data }\n`);
    bench.lab.must('systemctl', 'reload', UNIT);
    assert.ok((await bench.status(() => true)).channels.some(({ name }) => name === 'door'));
    bench.configure('mqtt: 5\n');
    assert.notEqual(bench.lab.run('systemctl', 'reload', UNIT).code, 0);
    assert.equal(properties('ActiveState').ActiveState, 'active');
    bench.configure(bench.configuration);
    bench.lab.must('systemctl', 'reload', UNIT);
  });

  it('has a guard in the same sandbox if a command moves the robot', async () => {
    bench.configure(`${bench.configuration}${MOVES}`);
    bench.lab.must('systemctl', 'restart', GUARD, UNIT);
    await bench.status(({ link, problems }) => link.state === 'connected' && problems.every(({ code }) => code !== 'guard_missing'));
    await robot.subscribe('/cmd_vel', TWIST);
    await robot.matched('/cmd_vel', 4);
    const caller = await Caller.connect(bench.broker.port, bench.files);
    const speed = (message: Fields) => (message.linear as { x: number }).x;
    const drive = async () => {
      const moving = robot.next('/cmd_vel', (message) => speed(message) > 0);
      await caller.send('drive', { args: { linear: 0.2, duration_ms: 2_000 } });
      await moving;
    };
    try {
      // On a busy machine, DDS may connect the robot to the new publishers only after the first drive.
      await drive().catch(drive);
    } finally {
      await caller.close();
    }
    const { pid } = bench;
    const stopped = robot.next('/cmd_vel', (message) => speed(message) === 0);
    process.kill(pid, 'SIGKILL');
    await stopped;
    await bench.restartedAfter(pid);
    bench.configure(bench.configuration);
    bench.lab.must('systemctl', 'restart', GUARD, UNIT);
  });

  it('is restarted by the watchdog if it hangs, and loses no row', async () => {
    const { pid } = bench;
    const { accepted } = await rows();
    process.kill(pid, 'SIGSTOP');
    await bench.restartedAfter(pid);
    assert.equal((await lastRun())?.cause, 'watchdog');
    const { unconfirmed } = await rows();
    assert.ok(unconfirmed >= accepted, `${unconfirmed} of ${accepted} rows are still held`);
  });

  it('is restarted after kill -9, and reports the crash', async () => {
    const { pid } = bench;
    process.kill(pid, 'SIGKILL');
    await bench.restartedAfter(pid);
    const last = await lastRun();
    assert.deepEqual([last?.cause, /KILL|9/.test(last?.text ?? '')], ['crash', true]);
    await bench.status(({ problems }) => problems.some(({ code }) => code === 'ended_unasked'));
  });

  it('is restarted after the kernel kills it for lack of memory, and reports the cause', async () => {
    const { pid } = bench;
    const { accepted } = await rows();
    await bench.lab.takeMemoryOf(UNIT);
    await bench.restartedAfter(pid);
    assert.equal((await lastRun())?.cause, 'oom');
    const { unconfirmed } = await rows();
    assert.ok(unconfirmed >= accepted, `${unconfirmed} of ${accepted} rows are still held`);
  });

  it('is restarted after a later kill, and does not report lack of memory', async () => {
    const { pid } = bench;
    process.kill(pid, 'SIGKILL');
    await bench.restartedAfter(pid);
    assert.equal((await lastRun())?.cause, 'crash');
  });

  it('does not restart because of a lost network', async () => {
    const { pid } = bench;
    await bench.broker.kill();
    await bench.status(({ link: { state } }) => state !== 'connected');
    for (const _period of ['one', 'two', 'three']) await anotherPing();
    assert.equal(bench.pid, pid);
    await bench.broker.restart();
    await bench.status(({ link: { state } }) => state === 'connected');
  });

  it('recovers from a crash loop after its cause ends', async () => {
    // With a key that others can read, the agent does not start.
    const key = bench.lab.path('/etc/elderly-bot/certs/robot.key.pem');
    chmodSync(key, 0o644);
    process.kill(bench.pid, 'SIGKILL');
    await bench.lab.until(() => Number(properties('NRestarts').NRestarts) >= 6, 60_000);
    chmodSync(key, 0o600);
    await bench.restartedAfter(0);
    await bench.status(({ link: { state } }) => state === 'connected');
  });

  it('stops under load within 10 s, and the next start reports a requested stop', async () => {
    // After the kill the node may still be matched only with the dead agent.
    await bench.lab.until(async () => {
      await robot.publish('/steps', 'std_msgs/msg/Int32', { data: 0 });
      return (await messagesOf('steps')) > 0;
    }, 30_000);
    const burst = robot.burst('/steps', 'std_msgs/msg/Int32', 6_000, 2_000);
    await bench.status(({ channels }) => channels.some(({ name, messages }) => name === 'steps' && messages > 1_000));
    const startedMs = performance.now();
    bench.lab.must('systemctl', 'stop', UNIT);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 10_000, `${tookMs} ms`);
    await burst;
    assert.match(readFileSync(bench.lab.path(`${STATE}/last-exit`), 'utf8'), /^[0-9a-f]{32} success 0( 0)?\n$/);
    bench.lab.must('systemctl', 'start', UNIT);
    assert.equal((await lastRun())?.cause, 'clean');
    assert.ok(!existsSync(bench.lab.path(`${STATE}/last-exit`)));
  });

  it('is uninstalled and keeps its state', async () => {
    const { code, text } = bench.lab.run(LAB_AGENT, 'service', 'uninstall');
    assert.equal(code, 0, text);
    assert.equal(bench.lab.run('systemctl', 'is-active', UNIT).text.trim(), 'inactive');
    assert.ok(existsSync(bench.lab.path(`${STATE}/outbox.db`)));
    assert.ok(!existsSync(bench.lab.path(`/etc/systemd/system/${UNIT}`)));
  });
});
