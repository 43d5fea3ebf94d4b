// What of a command's configuration could hurt is refused before the agent starts, with the place and what was expected.
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

const REFUSED: readonly [what: string, commands: string, told: RegExp][] = [
  ['a message that names an argument nobody gives', `go: { ${TWIST}, args: {} }`, /\$x is no argument of this command/],
  ['a topic without a message', 'go: { topic: /go, type: std_msgs/msg/Bool }', /expected topic, type and message, or does/],
  ['work of the agent that also publishes', `go: { does: ping, ${TWIST}, args: { ${X} } }`, /expected either does, or topic/],
  ['a motion without a duration', `go: ${drive('', X)}`, /a motion needs the argument duration_ms/],
  [
    'a drive for longer than 2 s',
    `go: ${drive('', `${X}, duration_ms: { type: integer, min: 1, max: 2001, default: 500 }`)}`,
    /max: 2000 or less/,
  ],
  ['a duration without a default', `go: ${drive('', `${X}, duration_ms: { type: integer, min: 1, max: 2000 }`)}`, /default: \.\.\./],
  ['a motion that older clients may start', `go: ${drive('legacy: true')}`, /a motion needs id and expiry/],
  ['a motion that waits for the link', `go: ${drive('queue_offline: true')}`, /asked for while offline must not run later/],
  ['a motion where there is no stop', `stop: null\n  go: ${drive('')}`, /needs the command stop/],
  ['a condition on a channel that is not there', `go: ${drive('when: [mood > 3]')}`, /mood > 3: there is no channel mood/],
  ['a condition that is none', `go: ${drive('when: [battery high]')}`, /when/],
  ['a stop with conditions', 'stop: { when: [battery > 15] }', /stop is always admitted/],
  ['a stop with arguments', 'stop: { message: { linear: { x: $x } }, args: { x: { type: number } } }', /stop takes no arguments/],
  ['an end of a motion that is none', `go: { ${TWIST}, args: { ${X} }, motion_unless: { x: 0 } }`, /only where motion is true/],
  ['an end by an argument nobody gives', `go: ${drive('motion_unless: { y: 0 }')}`, /motion_unless.*no argument of this command/s],
  [
    'evidence that is both a value and a change',
    `go: ${drive('confirm: { topic: /odom, equals: 1, changes: true }')}`,
    /either equals or changes/,
  ],
  ['evidence for what the agent does itself', 'go: { does: ping, confirm: { topic: /odom, changes: true } }', /needs no evidence/],
  ['more commands a minute than the agent takes', `go: ${drive('rate: 601')}`, /rate.*600/s],
  ['a time to live of a day', `go: ${drive('ttl: 1d')}`, /ttl/],
];

describe('a command that could hurt', () => {
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

  for (const [what, commands, told] of REFUSED) {
    it(`is not configured: ${what}`, () => {
      assert.throws(
        () => load(commands),
        (error: unknown) => {
          assert.ok(error instanceof AgentError);
          assert.match(error.message, told);
          assert.match(error.message, /robot\.yaml:\d+:\d+/);
          return true;
        },
      );
    });
  }

  it('is taken once nothing of that is wrong', () => {
    const { config } = load(`go: ${drive('when: [battery > 15]')}`);
    assert.equal(config.commands.go?.motion, true);
  });
});
