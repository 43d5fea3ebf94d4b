// Builds a command's ROS messages: the configuration's templates with each `$name` replaced by that argument. Pure.
import { type CommandConfig, nameIn, type Publication, publicationsOf } from '../config/index.ts';

/** Arguments by name; a choice is already replaced by its message part. */
export type Values = Readonly<Record<string, unknown>>;

/** A ROS message of a command, ready to publish. */
export interface CommandMessage {
  readonly topic: string;
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

export function messagesFor(config: CommandConfig, values: Values): CommandMessage[] {
  return publicationsOf(config).map(({ topic, type, message }: Publication) => ({ topic, type, message: fill(message, values) }));
}

/** Fills a part of a template; undefined if its argument was not given. */
export function fillPart(part: unknown, values: Values): unknown {
  const name = nameIn(part);
  if (name !== undefined) return Object.hasOwn(values, name) ? values[name] : undefined;
  if (Array.isArray(part)) return part.map((item) => fillPart(item, values));
  return part !== null && typeof part === 'object' ? fill(part as Values, values) : part;
}

/** A field whose argument was not given is omitted, so it keeps ROS's own default. */
function fill(template: Values, values: Values): Record<string, unknown> {
  const filled = Object.entries(template).map(([field, part]) => [field, fillPart(part, values)] as const);
  return Object.fromEntries(filled.filter(([, part]) => part !== undefined));
}
