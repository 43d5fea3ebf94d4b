// Tests `elderly-bot topics show`, `echo`, `hz` and `pub` with a peer of another client library.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import type { ShownTopic } from '../../src/cli/topics/show.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually, until } from '../support/until.ts';

const BOOL = 'std_msgs/msg/Bool';
const LATCHED = { durability: 'transient_local', depth: 1 } as const;

describe('elderly-bot topics', { skip: rosUnavailable(), timeout: 180_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
    peer = await RosPeer.start('house');
    await peer.publish('/vision/fall', BOOL, { data: true }, LATCHED);
    await peer.advertise('/battery_state', 'sensor_msgs/msg/BatteryState', { reliability: 'best_effort' });
    await peer.subscribe('/battery_state', 'sensor_msgs/msg/BatteryState');
  });
  after(async () => {
    await peer.close();
    await domain.release();
  });

  const programs: Program[] = [];
  afterEach(async () => {
    for (const program of programs.splice(0)) if (!program.ended) await program.kill();
  });

  const start = (...args: string[]) => {
    const program = new Program(args.join(' '), AGENT, ['topics', ...args]);
    programs.push(program);
    return program;
  };
  const textOf = ({ lines }: Program) => lines.map((line) => line.text ?? JSON.stringify(line)).join('\n');
  const run = async (...args: string[]) => {
    const program = start(...args);
    const code = await program.exited;
    return { code, text: textOf(program), stderr: program.stderr };
  };
  /** Runs it again while the output does not fit: on a busy machine DDS may need longer for the discovery than the command waits. */
  const runUntil = async (fits: RegExp, ...args: string[]) => {
    const isFit = ({ text, stderr }: { text: string; stderr: string }) => fits.test(`${text}${stderr}`);
    return eventually(() => run(...args), isFit, `${args.join(' ')} prints ${fits}`, { patienceMs: 60_000 });
  };
  const said = (program: Program, text: RegExp) => until(() => text.test(program.stderr), `stderr has ${text}`);

  describe('show', () => {
    it('shows the type, the endpoints with their QoS, the users, and the fields', async () => {
      const { code, text } = await runUntil(/CANNOT HEAR/, 'show', '/battery_state');
      assert.equal(code, 0);
      assert.match(text, /^publishers:\n {2}\/house \(best_effort, volatile\)$/m);
      assert.match(text, /^subscriptions:\n {2}\/house \(reliable, volatile\); CANNOT HEAR \/house$/m);
      assert.match(text, /^channels: battery$/m);
      assert.match(text, /^type: sensor_msgs\/msg\/BatteryState\n {2}std_msgs\/msg\/Header header\n {4}time stamp\n/m);
      assert.match(text, /^ {2}float32\[\] cell_voltage$/m);
    });

    it('shows the same as JSON', async () => {
      const { code, text } = await runUntil(/"node":"\/house"/, 'show', '/vision/fall', '--json');
      assert.equal(code, 0);
      assert.deepEqual(JSON.parse(text) as ShownTopic, {
        topic: '/vision/fall',
        types: [{ type: BOOL, fields: [{ name: 'data', type: 'bool' }], reason: null }],
        publishers: [{ node: '/house', type: BOOL, reliability: 'reliable', durability: 'transient_local' }],
        subscriptions: [],
        channels: [],
        cameras: [],
        commands: [],
      });
    });

    it('suggests the similar topic that is published', async () => {
      const wanted = /no node publishes or subscribes to \/fall, did you mean \/vision\/fall, which \/house publishes\?/;
      assert.equal((await runUntil(wanted, 'show', '/fall')).code, 1);
    });

    it('shows the fields of a type, and for a wrong one the nearest, or how to install its package', async () => {
      assert.deepEqual(await run('show', 'std_msgs/Bool'), { code: 0, text: `${BOOL}\n  bool data`, stderr: '' });
      const mistyped = await run('show', 'sensor_msgs/msg/Rang');
      assert.equal(mistyped.code, 2);
      assert.match(mistyped.stderr, /no message Rang, did you mean Range\?/);
      const missing = await run('show', 'nav_msgs/msg/Odometry');
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /nav_msgs .*is not installed here; install it: .*(pip|apt) install .*nav-msgs/);
    });
  });

  describe('echo', () => {
    it('prints a latched message', async () => {
      const { code, text } = await run('echo', '/vision/fall', '--once');
      assert.deepEqual([code, text], [0, 'data: true\n---']);
    });

    it('prints one field as lines of JSON, also of a best-effort publisher', async () => {
      const echo = start('echo', '/battery_state', '--field', 'cell_voltage', '--json', '--count', '2');
      await peer.matched('/battery_state', 1);
      for (const volts of [3.5, 3.75]) {
        await peer.publish('/battery_state', 'sensor_msgs/msg/BatteryState', { cell_voltage: Array(20).fill(volts) });
      }
      assert.equal(await echo.exited, 0);
      const shown = (volts: number) => ({ length: 20, first: Array(16).fill(volts) });
      assert.deepEqual(echo.lines, [shown(3.5), shown(3.75)]);
    });

    it('refuses a field that the type does not have, and suggests the nearest', async () => {
      const { code, stderr } = await run('echo', '/battery_state', '--field', 'percent');
      assert.equal(code, 2);
      assert.match(stderr, /--field percent: the message has no field "percent".*; try --field percentage/);
      assert.match((await run('echo', '/battery_state', '--field', 'a..b')).stderr, /expected a field path/);
    });

    it('says that the topic has no publisher, suggests a similar one, and prints what is published later', async () => {
      const echo = start('echo', '/vision/falls', '--once');
      await said(echo, /no node publishes \/vision\/falls yet, did you mean \/vision\/fall, which \/house publishes\?/);
      await said(echo, /waiting for a publisher; Ctrl-C ends/);
      await peer.publish('/vision/falls', BOOL, { data: false }, LATCHED);
      assert.equal(await echo.exited, 0);
      assert.equal(textOf(echo), 'data: false\n---');
    });

    it('asks for the type if the publishers have several', async () => {
      const other = await RosPeer.start('other');
      await peer.publish('/mixed', BOOL, { data: true }, LATCHED);
      await other.publish('/mixed', 'std_msgs/msg/Int32', { data: 7 }, LATCHED);
      await until(async () => {
        const { code, stderr } = await run('echo', '/mixed', '--once');
        return code === 2 && /several types: .*choose one with --type/.test(stderr);
      }, 'echo sees both publishers');
      assert.equal((await run('echo', '/mixed', '--once', '--type', 'std_msgs/Int32')).text, 'data: 7\n---');
      await other.close();
    });

    it('ends with 0 at Ctrl-C, and with 130 if it was to print a number of messages', async () => {
      const [endless, counted] = [start('echo', '/vision/fall'), start('echo', '/vision/fall', '--count', '2')];
      for (const program of [endless, counted]) {
        await until(() => program.lines.length >= 2, 'the latched message is printed');
        program.signal('SIGINT');
      }
      assert.deepEqual([await endless.exited, await counted.exited], [0, 130]);
    });

    it('ends with 1 if no message came in time', async () => {
      assert.equal((await run('echo', '/silent', '--for', '500ms')).code, 1);
      const { code, stderr } = await run('echo', '/silent', '--for', '10');
      assert.equal(code, 2);
      assert.match(stderr, /--for 10: expected a duration with its unit/);
    });
  });

  describe('hz', () => {
    it('measures rate, gaps and bandwidth', async () => {
      await peer.advertise('/level', 'std_msgs/msg/Int32');
      const hz = start('hz', '/level', '--json');
      await peer.matched('/level');
      const seconds = await peer.burst('/level', 'std_msgs/msg/Int32', 60, 20);
      await until(() => hz.lines.some(({ messages }) => messages === 60), 'all messages are counted');
      hz.signal('SIGINT');
      assert.equal(await hz.exited, 0);
      const { rate, gap_min, gap_max, bytes_per_second } = hz.lines.at(-1) as Record<string, number>;
      assert.ok(Number(rate) > 30 / seconds && Number(rate) < 120 / seconds, `${rate} Hz in ${seconds} s`);
      assert.ok(Number(gap_min) <= 0.06 && Number(gap_max) >= 0.04, `gaps ${gap_min} to ${gap_max}`);
      assert.ok(Number(bytes_per_second) > 0, `${bytes_per_second} B/s`);
    });

    it('ends after the given time, with 1 if no message arrived', async () => {
      const { code, text } = await run('hz', '/silent', '--for', '500ms');
      assert.deepEqual([code, text], [1, '0 messages in 0.0 s']);
    });
  });

  describe('pub', () => {
    it('publishes one message for the present subscriptions', async () => {
      await peer.subscribe('/note', 'std_msgs/msg/String');
      const heard = peer.next('/note', undefined, 30_000);
      const { code, text } = await run('pub', '/note', 'std_msgs/String', '{data: "Guten Morgen, Frau Müller"}');
      assert.deepEqual(await heard, { data: 'Guten Morgen, Frau Müller' });
      assert.deepEqual([code, text], [0, 'published 1 message on /note for 1 subscription']);
    });

    it('says that the agent reads the topic', async () => {
      await peer.subscribe('/fall_detected', BOOL);
      const heard = peer.next('/fall_detected', undefined, 30_000);
      const { stderr } = await run('pub', '/fall_detected', BOOL, '{data: true}');
      assert.deepEqual(await heard, { data: true });
      assert.match(stderr, /the agent reads \/fall_detected as fall: a message that raises an alert alerts the family/);
    });

    it('keeps a latched message for late subscriptions until Ctrl-C', async () => {
      const pub = start('pub', '/late', BOOL, '{data: true}', '--latched');
      await said(pub, /published; Ctrl-C or --for ends/);
      const heard = peer.next('/late', undefined, 30_000);
      await peer.subscribe('/late', BOOL, LATCHED);
      assert.deepEqual(await heard, { data: true });
      pub.signal('SIGINT');
      assert.equal(await pub.exited, 0);
    });

    it('publishes at a rate until Ctrl-C', async () => {
      await peer.subscribe('/ticks', BOOL);
      const pub = start('pub', '/ticks', BOOL, '{data: true}', '--rate', '50');
      for (let n = 0; n < 20; n += 1) await peer.next('/ticks', undefined, 30_000);
      pub.signal('SIGINT');
      assert.equal(await pub.exited, 0);
      assert.match(textOf(pub), /^published \d+ messages on \/ticks for 1 subscription$/);
    });

    it('waits for a subscription, and ends with 1 if none came in time and with 130 at Ctrl-C', async () => {
      const { code, stderr } = await run('pub', '/deaf', BOOL, '{data: true}', '--for', '5s');
      assert.equal(code, 1);
      assert.match(stderr, /no node subscribes to \/deaf/);
      await peer.subscribe('/picky', BOOL, LATCHED);
      const pub = start('pub', '/picky', BOOL, '{data: true}');
      await said(pub, /\/house subscribes to \/picky, but expects std_msgs\/msg\/Bool from a latched publisher: try --latched/);
      pub.signal('SIGINT');
      assert.equal(await pub.exited, 130);
    });

    it('refuses a message that does not fit its type, and names the field', async () => {
      const refused = async (text: string, type = 'geometry_msgs/msg/Pose') => {
        const { code, stderr } = await run('pub', '/x', type, text);
        assert.equal(code, 2);
        return stderr;
      };
      assert.match(
        await refused('{position: {x: far}}'),
        /Pose: field position\.x is "far", expected float64; see its fields: .*topics show/,
      );
      assert.match(await refused('{position: {w: 1}}'), /has no field position\.w, expected one of: x, y, z/);
      assert.match(await refused('{data: 300}', 'std_msgs/msg/UInt8'), /field data is 300, expected uint8/);
      assert.match(await refused('{data: true', BOOL), /the message is not YAML/);
      assert.match(await refused('true', BOOL), /the message is true, expected an object/);
      assert.match(await refused('{}', 'std_msgs/msg/Bol'), /did you mean Bool\?/);
      assert.match(await refused('{}', 'Bool'), /is not a message type/);
    });

    it('refuses a topic that moves the robot, and with --force ends with zero velocity', async () => {
      const twist = 'geometry_msgs/msg/Twist';
      await peer.subscribe('/cmd_vel', twist);
      const refused = await run('pub', '/cmd_vel', twist, '{linear: {x: 0.1}}');
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /\/cmd_vel is a topic of the command stop.*--force \[MOTION_UNFORCED\]/);
      assert.match((await run('pub', '/wheels', twist, '{}')).stderr, /\/wheels takes geometry_msgs\/msg\/Twist, which moves the robot/);
      assert.match((await run('pub', '/motion_cancel', BOOL, '{}')).stderr, /MOTION_UNFORCED/);
      const forced = start('pub', '/cmd_vel', twist, '{linear: {x: 0.1}}', '--rate', '20', '--force');
      const speed = (message: Readonly<Record<string, unknown>>) => (message.linear as { x: number }).x;
      await peer.next('/cmd_vel', (message) => speed(message) === 0.1, 30_000);
      const stands = peer.next('/cmd_vel', (message) => speed(message) === 0, 30_000);
      forced.signal('SIGINT');
      await stands;
      assert.equal(await forced.exited, 0);
      assert.match(textOf(forced), /then zero velocity/);
    });
  });

  it('describes its commands with --help', async () => {
    const { text } = await run('--help');
    for (const verb of ['list', 'show <topic>', 'echo <topic>', 'hz <topic>', 'pub <topic> <type> [message]'])
      assert.ok(text.includes(verb), verb);
  });
});
