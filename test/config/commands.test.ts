// Tests that the schema refuses dangerous commands before the agent starts, with the position and the expected value.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadConfig } from '../../src/config/index.ts';
import { AgentError } from '../../src/errors.ts';

const TWIST = 'topic: /cmd_vel, type: geometry_msgs/msg/Twist, message: { linear: { x: $x } }';
const X = 'x: { type: number, min: -1, max: 1 }';
const DURATION = 'duration_ms: { type: integer, min: 50, max: 2000, default: 500 }';
const drive = (more: string, args = `${X}, ${DURATION}`) => `{ ${TWIST}, args: { ${args} }, motion: true, ${more} }`;

const REFUSED: readonly [fault: string, commands: string, message: RegExp][] = [
  ['a message with an undefined argument', `go: { ${TWIST}, args: {} }`, /\$x is not an argument of this command/],
  ['a topic without a message', 'go: { topic: /go, type: std_msgs/msg/Bool }', /expected topic, type and message, or does/],
  ['an action of the agent that also publishes', `go: { does: ping, ${TWIST}, args: { ${X} } }`, /expected either does, or topic/],
  ['a motion without a duration', `go: ${drive('', X)}`, /a motion needs the argument duration_ms/],
  [
    'a drive for longer than 2 s',
    `go: ${drive('', `${X}, duration_ms: { type: integer, min: 1, max: 2001, default: 500 }`)}`,
    /max: 2000 or less/,
  ],
  ['a duration without a default', `go: ${drive('', `${X}, duration_ms: { type: integer, min: 1, max: 2000 }`)}`, /default: \.\.\./],
  ['a motion that older clients may start', `go: ${drive('legacy: true')}`, /a motion needs an id and an expiry/],
  ['a motion that waits for a connection', `go: ${drive('queue_offline: true')}`, /issued while the robot was offline must not run later/],
  ['a motion without a stop command', `stop: null\n  go: ${drive('')}`, /expected a command stop/],
  ['a condition on an unknown channel', `go: ${drive('when: [mood > 3]')}`, /mood > 3: no channel is called mood/],
  ['an invalid condition', `go: ${drive('when: [battery high]')}`, /when/],
  ['a stop with conditions', 'stop: { when: [battery > 15] }', /stop is always admitted/],
  [
    'a stop with arguments',
    'stop: { message: { linear: { x: $x } }, args: { x: { type: number } } }',
    /expected no arguments in the message of stop/,
  ],
  ['motion_unless without motion', `go: { ${TWIST}, args: { ${X} }, motion_unless: { x: 0 } }`, /only with motion: true/],
  [
    'motion_unless with an undefined argument',
    `go: ${drive('motion_unless: { y: 0 }')}`,
    /motion_unless.*name of an argument of this command/s,
  ],
  [
    'a confirmation by both a value and a change',
    `go: ${drive('confirm: { topic: /odom, equals: 1, changes: true }')}`,
    /either equals or changes/,
  ],
  ['a confirmation of an action of the agent', 'go: { does: ping, confirm: { topic: /odom, changes: true } }', /only with a ROS message/],
  ['more than 600 commands per minute', `go: ${drive('rate: 601')}`, /rate.*600/s],
  ['a time to live of a day', `go: ${drive('ttl: 1d')}`, /ttl/],
];

describe('a dangerous command', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-commands-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const load = (commands: string) => {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, `commands:\n  ${commands}\n`);
    return loadConfig(file, {});
  };

  for (const [fault, commands, message] of REFUSED) {
    it(`is refused: ${fault}`, () => {
      assert.throws(
        () => load(commands),
        (error: unknown) => {
          assert.ok(error instanceof AgentError);
          assert.match(error.message, message);
          assert.match(error.message, /robot\.yaml:\d+:\d+/);
          return true;
        },
      );
    });
  }

  it('is accepted after every fault is corrected', () => {
    const { config } = load(`go: ${drive('when: [battery > 15]')}`);
    assert.equal(config.commands.go?.motion, true);
  });
});
