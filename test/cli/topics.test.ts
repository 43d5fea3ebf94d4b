// Tests `elderly-bot topics` with a real publisher that uses another client library.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import type { ObservedTopic } from '../../src/cli/topics/list.ts';
import { startRosNode } from '../../src/ros/index.ts';
import { runWithClosedPipe } from '../support/closedPipe.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

/** Runs a program on a terminal, presses Ctrl-C once it has shown /level twice, and prints its output as JSON. */
const PTY = `
import json, os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
text, pressed = b'', False
while True:
    try: more = os.read(terminal, 65536)
    except OSError: break
    if not more: break
    text += more
    if text.count(b'/level') >= 2 and not pressed:
        pressed = True
        os.write(terminal, b'\\x03')
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps({'event': 'ended', 'looks': text.count(b'/level'), 'code': code, 'text': text.decode()}))
`;

describe('elderly-bot topics', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;
  before(async () => {
    domain = await claimDomain();
  });
  after(async () => {
    await peer?.close();
    await domain.release();
  });

  const run = (...more: string[]) =>
    new Promise<{ code: number; text: string }>((resolve) => {
      execFile(AGENT, ['topics', ...more], (error, text) => resolve({ code: error === null ? 0 : Number(error.code), text }));
    });

  it('lists the possible reasons if no topic is published', async () => {
    const { code, text } = await run();
    assert.equal(code, 1);
    assert.match(text, /no topic is published in ROS domain \d+: .*ROS_DOMAIN_ID/);
  });

  it('shows type, rate, publisher and QoS of a topic, and the channel that uses it', async () => {
    peer = await RosPeer.start('house');
    await peer.advertise('/gas_detected', 'std_msgs/msg/Bool', { reliability: 'best_effort' });
    await peer.advertise('/level', 'std_msgs/msg/Int32');
    const ends = run('--json');
    await peer.matched('/level');
    await peer.burst('/level', 'std_msgs/msg/Int32', 100, 100);
    const { code, text } = await ends;
    assert.equal(code, 0);
    const seen = JSON.parse(text) as ObservedTopic[];
    const [gas, level] = ['/gas_detected', '/level'].map((topic) => seen.find((each) => each.topic === topic));
    assert.deepEqual(gas, {
      topic: '/gas_detected',
      types: ['std_msgs/msg/Bool'],
      publishers: [{ node: '/house', reliability: 'best_effort', durability: 'volatile' }],
      rate: 0,
      reason: null,
      channels: ['gas'],
      cameras: [],
    });
    assert.ok(level?.rate !== undefined && level.rate !== null && level.rate > 5, `${level?.rate} Hz`);
    assert.deepEqual(level.channels, []);
  });

  it('finds the channel by the remapped name of its topic', async () => {
    const { code, text } = await run('--json', '--ros-args', '-r', '/gas_detected:=/level', '-r', '__ns:=/home');
    assert.equal(code, 0);
    const seen = JSON.parse(text) as ObservedTopic[];
    assert.deepEqual(seen.find(({ topic }) => topic === '/level')?.channels, ['gas']);
    assert.deepEqual(seen.find(({ topic }) => topic === '/gas_detected')?.channels, []);
  });

  it('asks whether another topic was meant, for each channel without a publisher', async () => {
    await peer.advertise('/vision/fall', 'std_msgs/msg/Bool');
    const { text } = await run();
    assert.match(text, /^channel fall: no node publishes \/fall_detected; did you mean \/vision\/fall, which \/house publishes\?$/m);
    assert.doesNotMatch(text, /^channel (gas|fire|stranger|battery|temperature):/m);
  });

  it('leaves out the topics of the agent itself, but not those of `topics pub`', async () => {
    const agent = await startRosNode({ name: 'elderly_bot_agent' });
    agent.advertise('/buzzer', 'std_msgs/msg/Bool');
    agent.advertise('/level', 'std_msgs/msg/Int32');
    const pub = new Program('pub', AGENT, ['topics', 'pub', '/by_hand', 'std_msgs/msg/Bool', '{data: true}', '--latched']);
    try {
      const listed = async () => JSON.parse((await run('--json')).text) as ObservedTopic[];
      const topics = ['/by_hand', '/gas_detected', '/level', '/vision/fall'];
      const level = (all: readonly ObservedTopic[]) => all.find(({ topic }) => topic === '/level')?.publishers.map(({ node }) => node);
      // The name of a node becomes known shortly after its publishers.
      const isComplete = (all: readonly ObservedTopic[]) =>
        all.map(({ topic }) => topic).join() === topics.join() && level(all)?.join() === '/house';
      await eventually(listed, isComplete, 'exactly these topics are listed, and /level only with /house');
    } finally {
      await pub.stop();
      await agent.stop();
    }
  });

  it('ends with 0 when the reader of a pipe ends', async () => {
    assert.deepEqual(await runWithClosedPipe('topics', '--watch'), [0, '']);
  });

  it('refreshes the alternate screen of a terminal, and restores the terminal at Ctrl-C', async () => {
    const terminal = new Program('topics', 'python3', ['-c', PTY, AGENT, 'topics', '--watch']);
    const { looks, code, text } = await terminal.event('ended');
    assert.deepEqual([looks, code], [2, 0], String(text));
    assert.ok(String(text).startsWith('\x1b[?1049h\x1b[?25l'));
    assert.ok(String(text).endsWith('\x1b[?25h\x1b[?1049l'));
    await terminal.exited;
  });
});
