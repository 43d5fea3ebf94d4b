// Tests the remapping of ROS names with examples, and against rcl with random rules.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { takeRosArguments } from '../../src/cli/rosArguments.ts';
import { isOwnNode, loadConfig, type Remap, rosNames } from '../../src/config/index.ts';
import { AgentError } from '../../src/errors.ts';
import { loadBinding } from '../../src/ros/native/binding.ts';
import type { NativeBinding, NativeHandle } from '../../src/ros/native/functions.ts';
import { rosUnavailable } from '../support/ros.ts';

const names = (remap: Remap, namespace = '/') => rosNames({ node_name: 'agent', namespace, remap });

describe('names', () => {
  it('are absolute, relative to the namespace, or relative to the node', () => {
    const { topic } = names({}, '/robot');
    assert.deepEqual(['/gas', 'gas', '~/gas'].map(topic), ['/gas', '/robot/gas', '/robot/agent/gas']);
  });

  it('are remapped once, by the first rule that matches this node', () => {
    const { topic } = names({ 'other:/a': '/no', '/a': '/b', '/b': '/a', 'agent:/c': 'd' });
    assert.deepEqual(['/a', '/b', '/c', '/d'].map(topic), ['/b', '/a', '/d', '/d']);
  });

  it('tell the agent’s own nodes, and those of commands that only look, from all others', () => {
    const isOwn = (node: string, namespace = '/') => isOwnNode(node, { node_name: 'watch', namespace });
    for (const node of ['/watch', '/watch_cameras', '/watch_guard', '/elderly_bot_doctor', '/home/elderly_bot_topics', '/elderly_bot_init'])
      assert.ok(isOwn(node), node);
    for (const node of ['/other', '/watch_dog', '/home/watch', '/simulated_sensors', '/elderly_bot_pub']) assert.ok(!isOwn(node), node);
    assert.ok(isOwn('/home/watch', '/home'));
  });

  it('use the namespace and node name of the rules', () => {
    const { nodeName, namespace, topic } = names({ __node: 'watch', __ns: '/home', 'watch:gas': '~/gas' });
    assert.deepEqual([nodeName, namespace, topic('gas'), topic('/gas')], ['watch', '/home', '/home/watch/gas', '/gas']);
  });

  it('are final in a loaded configuration, and rules of the command line take precedence', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-names-'));
    const file = join(folder, 'robot.yaml');
    writeFileSync(
      file,
      'ros: { namespace: /robot, remap: { /gas_detected: /sensors/gas, privacy: /house/privacy, /speech: /say, /fire_detected: /x } }\n' +
        'uploads: { api: https://cloud.example }\ncameras: { hall: { topic: hall, privacy_topic: privacy } }\n' +
        'commands: { say: { topic: /speech, type: std_msgs/String, message: { data: hello }, also: [{ topic: /speech, type: std_msgs/String, message: {} }] } }\n',
    );
    const { config } = loadConfig(file, {}, { remap: { '/fire_detected': '/fire' } });
    rmSync(folder, { recursive: true });
    const { channels, cameras, commands } = config;
    assert.deepEqual([channels.gas?.topic, channels.fire?.topic], ['/sensors/gas', '/fire']);
    assert.deepEqual([cameras.hall?.topic, cameras.hall?.privacy_topic], ['/robot/hall', '/house/privacy']);
    assert.deepEqual([commands.say?.topic, commands.say?.also[0]?.topic], ['/say', '/say']);
  });
});

describe('--ros-args', () => {
  it('set remapping rules, and end with the line or with --', () => {
    const line = ['run', '--ros-args', '-r', '/a:=/b', '--remap', '__ns:=/home', '-r', '/a:=/c', '-p', 'x:=1', '--', '--config', 'f'];
    assert.deepEqual(takeRosArguments(line), {
      words: ['run', '--config', 'f'],
      remap: { '/a': '/b', __ns: '/home' },
      unused: ['-p x:=1'],
    });
  });

  it('are refused with a reason if they are invalid', () => {
    const refusal = (...more: string[]) => {
      try {
        takeRosArguments(['run', '--ros-args', ...more]);
      } catch (error) {
        assert.ok(error instanceof AgentError);
        return error.message;
      }
      return assert.fail('the arguments were accepted');
    };
    assert.match(refusal('-r', '/a'), /-r \/a: expected FROM:=TO/);
    assert.match(refusal('-r', '/a:=b c'), /expected a ROS topic/);
    assert.match(refusal('-r', '/*:=/b'), /expected a topic, __node or __ns/);
    assert.match(refusal('-r', '__ns:=home'), /expected a ROS namespace/);
    assert.match(refusal('-e', '/enclave'), /--ros-args -e: expected -r FROM:=TO/);
  });
});

describe('rcl', { skip: rosUnavailable() }, () => {
  it('returns the same names for random rules', () => {
    const binding = loadBinding() as NativeBinding & {
      getNodeName(node: NativeHandle): string;
      getNamespace(node: NativeHandle): string;
      resolveName(node: NativeHandle, topic: string, onlyExpand: boolean, isService: boolean): string;
    };
    const context = binding.createContext();
    binding.init(context, ['--ros-args', '--disable-external-lib-logs', '--disable-rosout-logs'], 0n);
    const word = fc.constantFrom('a', 'b', 'agent');
    const topic = fc
      .tuple(fc.constantFrom('/', '~/', ''), fc.array(word, { minLength: 1, maxLength: 2 }))
      .map(([root, words]) => root + words.join('/'));
    const node = fc.constantFrom('', '', 'agent:', 'a:', 'b:');
    const rule = fc.oneof(
      fc.tuple(node, topic, topic).map(([prefix, from, to]) => [prefix + from, to] as const),
      fc.tuple(node, topic, topic).map(([prefix, from, to]) => [`${prefix}rostopic://${from}`, to] as const),
      fc.tuple(node, fc.constantFrom('__node', '__name'), word).map(([prefix, from, to]) => [prefix + from, to] as const),
      fc.tuple(node, fc.constantFrom('/', '/a', '/a/b')).map(([prefix, to]) => [`${prefix}__ns`, to] as const),
    );
    const isSame = (rules: (readonly [string, string])[], namespace: string, topics: string[]): void => {
      const args = ['--ros-args', ...rules.flatMap(([from, to]) => ['-r', `${from}:=${to}`])];
      const handle = binding.createNode('agent', namespace, context, args, false, null);
      try {
        const ours = names(Object.fromEntries(rules), namespace);
        assert.equal(ours.nodeName, binding.getNodeName(handle));
        assert.equal(ours.namespace, binding.getNamespace(handle));
        for (const each of topics) assert.equal(ours.topic(each), binding.resolveName(handle, each, false, false), each);
      } finally {
        handle.release();
      }
    };
    const rules = fc.uniqueArray(rule, { maxLength: 6, selector: ([from]) => from });
    const topics = fc.array(topic, { minLength: 1, maxLength: 8 });
    try {
      fc.assert(fc.property(rules, fc.constantFrom('/', '/a', '/b'), topics, isSame), { numRuns: 300 });
    } finally {
      binding.shutdown(context);
      context.release();
    }
  });
});
