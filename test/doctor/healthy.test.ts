// Tests the doctor with a healthy robot, without and with a running agent. It must not disturb the agent.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { askStatus, PROBLEMS, type Status } from '../../src/status/index.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';
import { assertCause, type Diagnosis, Fixtures, type TestRobot } from './fixtures.ts';

const skip = rosUnavailable() || mosquittoUnavailable();

describe('the doctor without a fault', { skip, timeout: 300_000 }, () => {
  let fixtures: Fixtures;
  let robot: TestRobot;
  const programs: Program[] = [];

  before(async () => {
    fixtures = await Fixtures.open();
    robot = await fixtures.addRobot({ config: 'mqtt: { interval: 200ms }\n' });
  });
  after(async () => {
    for (const program of programs) await program.stop();
    await fixtures?.close();
  });

  it('reports only that no agent runs, and tests every right with the robot’s own name', async () => {
    const { code, causes, checks, stderr } = await robot.examine();
    assert.deepEqual([causes.map((entry) => entry.code), code, stderr], [['agent'], 1, '']);
    const observed = Object.fromEntries(checks.map((entry) => [entry.code, entry.observed]));
    assert.match(String(observed.mqtt), new RegExp(`connected as ${robot.name} to localhost:`));
    assert.match(String(observed.publish_rights), /may publish .*telemetry.*backlog.*results.*events.*presence/);
    assert.match(String(observed['channel.gas']), /\/gas_detected by \/sensors, [1-9]/);
    const keys = ['code', 'title', 'status', 'observed', 'remedy', 'command', 'hidden_by', 'ms'];
    for (const check of checks) assert.deepEqual(Object.keys(check), keys);
  });

  it('reports nothing while an agent runs, and does not disconnect the agent', async () => {
    const agent = new Program('agent', AGENT, ['run', '--config', robot.configFile], robot.env());
    programs.push(agent);
    await agent.event('connected');
    const { code, causes, checks } = await robot.examine();
    assert.deepEqual([causes, code], [[], 0]);
    const observed = Object.fromEntries(checks.map((entry) => [entry.code, entry.observed]));
    assert.match(String(observed.mqtt), /the running agent has been connected to localhost/);
    assert.match(String(observed.publish_rights), /acknowledged .*\/presence/);
    const { link } = await askStatus(robot.stateDir);
    assert.deepEqual([link.connects, link.state], [1, 'connected']);
  });

  it('lists the running agent’s problem under the cause that the doctor finds', async () => {
    const [agent] = programs;
    await fixtures.broker.kill();
    await agent?.event('problem_raised', (line) => line.code === 'broker_refused_connection');
    const { causes, checks } = await robot.examine();
    assert.deepEqual(
      causes.map((entry) => entry.code),
      ['tcp'],
    );
    const problem = checks.find((entry) => entry.code === 'problem.broker_refused_connection');
    assert.equal(problem?.hidden_by, 'tcp');
    await fixtures.broker.restart();
  });

  /** Runs the doctor while an agent answers with this status. */
  async function besideAgent(over: (status: Status) => Partial<Status>, config?: string): Promise<Diagnosis> {
    const other = await fixtures.addRobot(config === undefined ? {} : { config });
    other.createStateDir();
    const status = await askStatus(robot.stateDir);
    const answered = { ...status, problems: [], link: { ...status.link, state: 'connected' }, ...over(status) } satisfies Status;
    const server = createServer((_, answer) => answer.end(JSON.stringify(answered)));
    await new Promise<void>((resolve) => server.listen(`${other.stateDir}/agent.sock`, resolve));
    try {
      return await other.examine();
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }

  it('reports that the running agent uses another ROS domain, and skips the channels', async () => {
    const unheard = ({ channels }: Status) => channels.map((entry) => ({ ...entry, age_ms: null, messages: 0 }));
    const found = await besideAgent((status) => ({ ros: { ...status.ros, domain_id: 99 }, channels: unheard(status) }));
    assertCause(
      found,
      'graph',
      /the running agent uses ROS domain 99 and received 0 of 6 channels there; this check used domain \d+, which has \d+ published topics/,
    );
    assert.match(String(found.causes[0]?.command), /^ROS_DOMAIN_ID=99 elderly-bot doctor/);
    const channels = found.checks.filter(({ code }) => code.startsWith('channel.'));
    assert.deepEqual(new Set(channels.map(({ status, hidden_by: by }) => `${status} ${by}`)), new Set(['skipped graph']));
  });

  it('does not repeat as a problem of the agent what each channel reports', async () => {
    const none = ['fire', 'fall', 'stranger', 'battery', 'temperature'].map((name) => `${name}: null`).join(', ');
    const { severity, title, remedy } = PROBLEMS.nothing_published;
    const problem = { code: 'nothing_published', subject: '', severity, title, remedy, text: 'none', since_ms: 0 } as const;
    const found = await besideAgent(() => ({ problems: [problem] }), `channels: { ${none}, gas: { topic: /none } }\n`);
    assertCause(found, 'channel.gas', /^\/none: the topic has no publisher$/);
    assert.equal(found.checks.find(({ code }) => code === 'problem.nothing_published')?.status, 'skipped');
  });

  it('reports a channel that is published here but never reached the running agent', async () => {
    const unheard =
      (name: string) =>
      ({ channels }: Status) =>
        channels.map((entry) => (entry.name === name ? { ...entry, age_ms: null } : entry));
    const found = await besideAgent((status) => ({ uptime_ms: 60_000, channels: unheard('gas')(status) }));
    assertCause(found, 'channel.gas', /\/gas_detected: messages of \/sensors arrive here, but the running agent never received one/);
  });

  it('warns of a sensor that was regular in the running agent and is silent now', async () => {
    fixtures.advertise('/quiet', 'std_msgs/msg/Bool');
    const quiet = ({ channels }: Status) =>
      channels.map((entry) => (entry.name === 'gas' ? { ...entry, messages: 200, longest_gap_ms: 600, age_ms: 102_000 } : entry));
    const found = await besideAgent((status) => ({ channels: quiet(status) }), 'channels: { gas: { topic: /quiet } }\n');
    assertCause(
      found,
      'channel.gas',
      /no message arrived in \d+ s; the running agent received 200 messages, never more than 1 s apart, the last 102 s ago/,
    );
    assert.equal(found.causes[0]?.status, 'warning');
  });

  it('reports an agent of another version', async () => {
    const { causes } = await besideAgent(() => ({ version: '0.0.9' }));
    assert.deepEqual(
      causes.map(({ code, observed }) => [code, /0\.0\.9/.test(observed)]),
      [['versions', true]],
    );
  });

  it('prints the cause with a command to type, without colour in a pipe', async () => {
    writeFileSync(`${robot.folder}/bad.yaml`, 'thing: [\n');
    const program = new Program('doctor', AGENT, ['doctor', '--config', `${robot.folder}/bad.yaml`], robot.env());
    assert.equal(await program.exited, 1);
    const text = program.lines.map((line) => String(line.text)).join('\n');
    assert.match(
      text,
      /^✗ Configuration {2}\[configuration\]\n.*bad\.yaml.*\n {4}remedy: .*\n {4}\$ elderly-bot config check --config .*bad\.yaml\n {4}consequences: agent, ros, /,
    );
    assert.ok(!text.includes('\x1b'));
  });
});
