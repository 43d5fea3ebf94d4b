// Parses the arguments after `--ros-args`, which ROS tools and launch files append to a command line.
import { type Remap, remap as remapRules } from '../config/index.ts';
import { AgentError } from '../errors.ts';

export interface RosArguments {
  /** The command line without the ROS arguments. */
  readonly words: readonly string[];
  readonly remap: Remap;
  /** Valid ROS arguments that the agent ignores. */
  readonly unused: readonly string[];
}

const BEGIN = '--ros-args';
const END = '--';

/** Flags that take a value and are ignored, because the agent has no ROS parameters and does not use ROS logging. */
const UNUSED = ['-p', '--param', '--params-file', '--log-level', '--log-config-file', '--log-file-name'];
const UNUSED_SWITCHES = /^--(enable|disable)-(rosout|stdout|external-lib)-logs$/;

/** Separates ROS arguments from the rest of a command line. @throws AgentError CONFIG_INVALID if a ROS argument is invalid or unknown */
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
    else if (word !== BEGIN) throw invalid(word, 'expected -r FROM:=TO');
  }
  return { words, remap, unused };
}

function ruleOf(text = 'nothing'): [from: string, to: string] {
  const at = text.indexOf(':=');
  if (at === -1) throw invalid(`-r ${text}`, 'expected FROM:=TO, such as /gas_detected:=/sensors/gas');
  const [from, to] = [text.slice(0, at), text.slice(at + 2)];
  const [issue] = remapRules.safeParse({ [from]: to }).error?.issues ?? [];
  if (issue) throw invalid(`-r ${text}`, issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message);
  return [from, to];
}

function invalid(given: string, expected: string): AgentError {
  const remedy = 'correct the command line, or set ros.remap in the configuration instead';
  return new AgentError('CONFIG_INVALID', `${BEGIN} ${given}: ${expected}`, { remedy });
}
