// The ROS messages of a command: the configuration's templates with `$name` replaced by that argument. Pure.

import { type CommandConfig, nameIn, type Publication, publicationsOf } from '../config/index.ts';

/** Arguments by name; a chosen name stands for whatever part of a message the configuration gives it. */
export type Values = Readonly<Record<string, unknown>>;

/** One message of a command, ready to be published. */
export interface Outgoing {
  readonly topic: string;
  readonly type: string;
  readonly message: Readonly<Record<string, unknown>>;
}

export function outgoing(config: CommandConfig, values: Values): Outgoing[] {
  return publicationsOf(config).map(({ topic, type, message }: Publication) => ({ topic, type, message: fill(message, values) }));
}

/** A part of a template; undefined where it stands for an argument that was not given. */
export function fillPart(part: unknown, values: Values): unknown {
  const name = nameIn(part);
  if (name !== undefined) return Object.hasOwn(values, name) ? values[name] : undefined;
  if (Array.isArray(part)) return part.map((item) => fillPart(item, values));
  return part !== null && typeof part === 'object' ? fill(part as Values, values) : part;
}

/** A field that stands for an argument that was not given is left out: it keeps ROS's own default. */
function fill(template: Values, values: Values): Record<string, unknown> {
  const filled = Object.entries(template).map(([field, part]) => [field, fillPart(part, values)] as const);
  return Object.fromEntries(filled.filter(([, part]) => part !== undefined));
}
