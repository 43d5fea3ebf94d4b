// Parses a ROS message that a person writes as YAML, such as `{data: true}`.
import { parseDocument } from 'yaml';
import { messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';

/**
 * Returns the message. Its fields are checked later, by the encoder of its type. An empty text is a message of default values. An integer
 * becomes a bigint if a number cannot hold it exactly.
 * @throws AgentError ROS_MESSAGE_INVALID
 */
export function parseMessage(text: string): unknown {
  const document = parseDocument(text, { intAsBigInt: true, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) throw invalid(`character ${problem.pos[0] + 1}: ${problem.message}`);
  try {
    return exact(document.toJS()) ?? {};
  } catch (error) {
    throw invalid(messageOf(error));
  }
}

function exact(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, exact(field)]));
}

function invalid(fault: string): AgentError {
  return new AgentError('ROS_MESSAGE_INVALID', `the message is not YAML: ${fault}`, {
    remedy: "write the fields in braces and quote the whole for the shell: '{data: true}'",
  });
}
