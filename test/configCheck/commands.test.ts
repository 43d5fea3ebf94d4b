// Tests the findings of `config check` on commands, with the message definitions of this machine.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkedText, skip } from './checked.ts';

function reasonsOf(command: string): string[] {
  return checkedText(`commands:\n  probe: { ${command} }\n`).findings.map(
    ({ severity, entry, reason }) => `${severity} ${entry}: ${reason}`,
  );
}

const BUZZER = 'topic: /buzzer, type: std_msgs/Bool, message: { data: true }';

describe('config check on a command', { skip }, () => {
  it('finds a mistyped message and a mistyped field', () => {
    assert.deepEqual(reasonsOf('topic: /cmd, type: geometry_msgs/Twst, message: {}'), [
      'error commands.probe: package geometry_msgs has no message Twst, did you mean Twist?',
    ]);
    assert.deepEqual(reasonsOf('topic: /cmd, type: geometry_msgs/Twist, message: { linear: { z: 1, force: 2 }, anglar: { z: 1 } }'), [
      'error commands.probe: geometry_msgs/msg/Twist has no field "linear.force"; it has x, y, z',
      'error commands.probe: geometry_msgs/msg/Twist has no field "anglar", did you mean angular?',
    ]);
  });

  it('finds a mistyped field in a further message and in a choice', () => {
    const mistyped = checkedText(`commands: { probe: { ${BUZZER}, also: [{ topic: /b, type: std_msgs/Bol, message: {} }] } }\n`);
    assert.equal(mistyped.findings[0]?.suggestion, 'type: std_msgs/msg/Bool');
    assert.match(String(reasonsOf(`${BUZZER}, also: [{ topic: /b, type: std_msgs/Bool, message: { dat: true } }]`)), /no field "dat"/);
    const place = 'args: { place: { type: string, choices: { bed: { positon: { x: 1 } } } } }';
    const goal = `topic: /goal, type: geometry_msgs/PoseStamped, message: { pose: $place }, ${place}`;
    assert.match(String(reasonsOf(goal)), /no field "pose\.positon", did you mean position\?/);
  });

  it('compares a condition with the reading, which is true or false with `as: alert`', () => {
    const gas = (report: string) =>
      checkedText(
        `channels: { gas: { type: std_msgs/Float32, alert_when: "> 300", report: { ${report} } } }\ncommands: { probe: { ${BUZZER}, when: [gas == false] } }\n`,
      ).findings.map(({ reason }) => reason);
    assert.deepEqual(gas('as: alert'), []);
    assert.match(String(gas('as: value')), /gas/);
  });

  it('treats an event without a value as true or false', () => {
    const findings = (condition: string) =>
      checkedText(
        `channels: { fall: { type: std_msgs/Empty, event: true } }
commands: { ring: { topic: /b, type: std_msgs/Bool, message: { data: true }, when: ["${condition}"] } }
`,
      ).findings;
    assert.deepEqual(findings('fall == false'), []);
    assert.match(String(findings('fall == 1')[0]?.reason), /the value of channel fall is a boolean/);
  });

  it('finds a confirmation that never comes', () => {
    assert.match(String(reasonsOf(`${BUZZER}, confirm: { topic: /b, field: state, equals: true }`)), /confirm: .*no field "state"/);
    assert.deepEqual(reasonsOf(`${BUZZER}, confirm: { topic: /b, equals: 1 }`), [
      'error commands.probe: confirm: the value is a boolean, which never equals 1, so this command is never confirmed',
    ]);
  });

  it('finds a condition that never holds', () => {
    assert.deepEqual(reasonsOf(`${BUZZER}, when: [fall == 0]`), [
      'error commands.probe: the value of channel fall is a boolean, which "== 0" can never match, so this command is never admitted',
    ]);
  });

  it('finds nothing in a command that works', () => {
    assert.deepEqual(reasonsOf(`${BUZZER}, confirm: { topic: /b, equals: true }, when: [fall == false, battery > 15]`), []);
  });
});
