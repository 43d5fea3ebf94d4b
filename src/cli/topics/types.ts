// Finds the definition of a message type that a person names. If it is not installed, the error has the nearest type or the command that
// installs its package.
import { EntryFindings, installedHere, structOf, unknownField } from '../../configCheck/index.ts';
import { AgentError } from '../../errors.ts';
import { describeType, parseTypeName, type Struct } from '../../ros/index.ts';

/** @throws AgentError ROS_TYPE_UNKNOWN */
export function requireType(given: string): Struct {
  const { full: type, pkg } = parseTypeName(given);
  const definitions = installedHere();
  const fields = { type, package: pkg };
  if (definitions === undefined) {
    const remedy = 'run bin/setup in the checkout, or source the setup.sh of a ROS 2 installation';
    throw new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: no ROS 2 environment with message definitions was found`, {
      remedy,
      fields,
    });
  }
  const findings = new EntryFindings([], { origin: () => 'file', defaultOf: () => undefined });
  const struct = structOf(type, definitions, findings);
  if (struct !== undefined) return struct;
  const [finding] = findings.list;
  if (finding?.command) {
    const text = `message type ${type}: package ${pkg} is not installed here`;
    throw new AgentError('ROS_TYPE_UNKNOWN', text, { remedy: `install it: ${finding.command}`, fields });
  }
  const remedy = 'elderly-bot topics shows the types of the published topics';
  throw new AgentError('ROS_TYPE_UNKNOWN', `message type ${type}: ${finding?.reason ?? 'it cannot be used'}`, { remedy, fields });
}

/** @param path a field path whose syntax is correct. @throws AgentError CONFIG_INVALID with the nearest field */
export function requireField(struct: Struct, path: string): void {
  const fault = unknownField(struct, path);
  if (fault === undefined) return;
  const remedy = `elderly-bot topics show ${struct.name} lists the fields`;
  const guess = fault.suggestion?.replace(/^field: /, '--field ');
  throw new AgentError('CONFIG_INVALID', `--field ${path}: ${fault.reason}`, { remedy: guess === undefined ? remedy : `try ${guess}` });
}

/** A field of a definition, with the fields of its type. */
export interface ShownField {
  readonly name: string;
  /** In the notation of .msg files, such as `float32[]`. */
  readonly type: string;
  readonly fields?: readonly ShownField[];
}

export function shownFields({ fields }: Struct): ShownField[] {
  return fields.map((field) => ({
    name: field.name,
    type: describeType(field),
    ...(typeof field.type === 'string' ? {} : { fields: shownFields(field.type) }),
  }));
}

/** @returns one line per field, nested fields indented. */
export function definitionLines(fields: readonly ShownField[], indent: string): string[] {
  return fields.flatMap(({ name, type, fields: nested }) => [
    `${indent}${type} ${name}`,
    ...(nested === undefined ? [] : definitionLines(nested, `${indent}  `)),
  ]);
}
