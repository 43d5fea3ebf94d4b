// `--ros-args`, with which ROS's own tools and launch files start a node: remapping rules are honoured, what has no meaning here is said.
import { type Remap, remap as remapRules } from '../config/index.ts';
import { AgentError } from '../errors.ts';

export interface RosArguments {
  /** The command line without them. */
  readonly words: readonly string[];
  readonly remap: Remap;
  /** Given, and of no use to the agent. */
  readonly unused: readonly string[];
}

const BEGIN = '--ros-args';
const END = '--';

/** Flags with a value that says nothing to the agent: it has no ROS parameters, and a log of its own. */
const UNUSED = ['-p', '--param', '--params-file', '--log-level', '--log-config-file', '--log-file-name'];
const UNUSED_SWITCHES = /^--(enable|disable)-(rosout|stdout|external-lib)-logs$/;

/** @throws AgentError CONFIG_INVALID for a rule that is none, and for what would be expected to work and does not. */
export function takeRosArguments(line: readonly string[]): RosArguments {
  const words: string[] = [];
  const remap: Record<string, string> = {};
  const unused: string[] = [];
  let isRos = false;
  for (let i = 0; i < line.length; i++) {
    const word = line[i] ?? '';
    if (!isRos) {
      if (word === BEGIN) isRos = true;
      else words.push(word);
    } else if (word === END) isRos = false;
    else if (word === '-r' || word === '--remap') {
      const [from, to] = ruleOf(line[++i]);
      remap[from] ??= to;
    } else if (UNUSED.includes(word)) unused.push(`${word} ${line[++i] ?? ''}`.trim());
    else if (UNUSED_SWITCHES.test(word)) unused.push(word);
    else if (word !== BEGIN) throw wrong(`${BEGIN} ${word}`, 'expected -r FROM:=TO');
  }
  return { words, remap, unused };
}

function ruleOf(text = 'nothing'): [from: string, to: string] {
  const at = text.indexOf(':=');
  if (at === -1) throw wrong(`${BEGIN} -r ${text}`, 'expected FROM:=TO, such as /gas_detected:=/sensors/gas');
  const [from, to] = [text.slice(0, at), text.slice(at + 2)];
  const [issue] = remapRules.safeParse({ [from]: to }).error?.issues ?? [];
  if (issue) throw wrong(`${BEGIN} -r ${text}`, issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message);
  return [from, to];
}

function wrong(given: string, expected: string): AgentError {
  return new AgentError('CONFIG_INVALID', `${given}: ${expected}`, {
    remedy: 'correct the command line; ros.remap in the configuration does the same',
  });
}
