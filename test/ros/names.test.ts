import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { AgentError } from '../../src/errors.ts';
import { locateMessage, resolveDomainId } from '../../src/ros/index.ts';
import { checkTopicName, checkTypeName } from '../../src/ros/names.ts';

describe('names', () => {
  test('an absolute topic name is valid, and other names get an error with the reason', () => {
    for (const topic of ['/gas_detected', '/robot/arm_2/state', '/_hidden', '/A']) assert.equal(checkTopicName(topic), undefined, topic);
    assert.match(checkTopicName('gas') ?? '', /"gas" is not absolute/);
    assert.match(checkTopicName('/a/') ?? '', /empty part/);
    assert.match(checkTopicName('/a/2b') ?? '', /"2b" may have only letters, digits and _, and must not start with a digit/);
    assert.match(checkTopicName('/a__b') ?? '', /two underscores/);
    assert.match(checkTopicName(`/${'a'.repeat(245)}`) ?? '', /longer than 245/);
  });

  test('a message type is valid in both forms, a service or an action is not', () => {
    for (const type of ['std_msgs/Bool', 'std_msgs/msg/Bool', 'my_msgs2/msg/HTTP2State'])
      assert.equal(checkTypeName(type), undefined, type);
    for (const type of ['Bool', 'std_msgs/bool', 'Std/Bool', 'a/msg/B/C', '', 'std_msgs/', '/Bool']) {
      assert.match(checkTypeName(type) ?? '', /is not a message type, expected a name such as std_msgs\/msg\/Bool/, type);
    }
    assert.match(checkTypeName('std_srvs/srv/Empty') ?? '', /of kind "srv" and not a message, expected std_srvs\/msg\/Empty/);
  });

  test('the domain is the configured number, else ROS_DOMAIN_ID, else 0', () => {
    assert.equal(resolveDomainId(7, '9'), 7);
    assert.equal(resolveDomainId(0, '9'), 0);
    assert.equal(resolveDomainId(null, '9'), 9);
    assert.equal(resolveDomainId(undefined, '232'), 232);
    assert.equal(resolveDomainId(undefined, undefined), 0);
  });

  test('an invalid domain is refused with its source and its value', () => {
    for (const value of ['abc', '-1', '', '233', '1.5', ' 1', '0x1', '1e1']) {
      assert.throws(
        () => resolveDomainId(null, value),
        (error) => {
          assert.ok(error instanceof AgentError);
          assert.equal(error.code, 'ROS_DOMAIN_INVALID');
          assert.equal(error.message, `ROS_DOMAIN_ID is ${JSON.stringify(value)}, expected a whole number from 0 to 232`);
          return true;
        },
      );
    }
    for (const value of [-1, 233, 0.5, Number.NaN])
      assert.throws(() => resolveDomainId(value, undefined), /^AgentError: ros.domain_id is "/);
  });
});

describe('installed messages', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ros-prefix-'));
  const [first, second] = [path.join(folder, 'first'), path.join(folder, 'second')];
  for (const prefix of [first, second]) {
    mkdirSync(path.join(prefix, 'share', 'house_msgs', 'msg'), { recursive: true });
    writeFileSync(path.join(prefix, 'share', 'house_msgs', 'msg', 'Door.msg'), 'bool open');
  }
  writeFileSync(path.join(second, 'share', 'house_msgs', 'msg', 'Window.msg'), 'bool open');
  writeFileSync(path.join(second, 'share', 'house_msgs', 'msg', 'Roof.idl'), '');
  after(() => rmSync(folder, { recursive: true }));

  function refused(type: string, prefixes: string[]): AgentError {
    try {
      locateMessage(type, { prefixes, distro: 'jazzy' });
    } catch (error) {
      if (error instanceof AgentError && error.code === 'ROS_TYPE_UNKNOWN') return error;
      throw error;
    }
    throw new Error(`${type} was found`);
  }

  test('the first prefix that contains a message takes precedence', () => {
    assert.equal(locateMessage('house_msgs/Door', { prefixes: [first, second] }), path.join(first, 'share/house_msgs/msg/Door.msg'));
    assert.equal(
      locateMessage('house_msgs/msg/Window', { prefixes: [first, second] }),
      path.join(second, 'share/house_msgs/msg/Window.msg'),
    );
  });

  test('the error names the missing part and the remedy', () => {
    const pkg = refused('garden_msgs/msg/Gate', [first]);
    assert.equal(
      pkg.line,
      `message type garden_msgs/msg/Gate: package garden_msgs is not installed (not in ${first}); install it (sudo apt install ros-jazzy-garden-msgs), or source the workspace that builds garden_msgs`,
    );
    writeFileSync(path.join(second, 'pyvenv.cfg'), '');
    assert.equal(
      refused('garden_msgs/msg/Gate', [first, second]).remedy,
      `install it (${second}/bin/python -m pip install --no-deps ros-garden-msgs), or source the workspace that builds garden_msgs`,
    );
    assert.match(refused('garden_msgs/msg/Gate', []).remedy ?? '', /^source ROS 2, or run bin\/setup/);
    assert.match(refused('house_msgs/msg/Dor', [first]).line, /package house_msgs in .*first has no message Dor; it has Door/);
    assert.match(refused('house_msgs/msg/Roof', [second]).line, /defines it in IDL only/);
    assert.match(refused('house_msgs/msg/Door', []).line, /no ROS environment is sourced/);
  });
});
