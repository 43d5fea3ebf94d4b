// Lists the robot's commands in its presence: names, and JSON Schemas of their arguments.
import type { ArgumentConfig, BuiltinCommand, CommandConfig } from '../config/index.ts';
import type { AnnouncedCommand } from '../wire/index.ts';

/** @param unable why the agent can't execute a built-in command; such a command is not announced. */
export function announce(
  commands: Readonly<Record<string, CommandConfig>>,
  unable: (own: BuiltinCommand) => string | undefined,
): AnnouncedCommand[] {
  return Object.entries(commands)
    .filter(([, { does }]) => does === undefined || unable(does) === undefined)
    .map(([name, config]) => ({ name, args: argumentSchema(config), motion: config.motion }));
}

export function argumentSchema({ args }: CommandConfig): Record<string, unknown> {
  const required = Object.entries(args).filter(([, rules]) => rules.required && rules.default === undefined);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(args).map(([name, rules]) => [name, schemaOf(rules)])),
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}

function schemaOf({ type, min, max, enum: words, choices, pattern, max_length, default: value, unit }: ArgumentConfig): object {
  const names = words ?? (choices && Object.keys(choices));
  return {
    type,
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    ...(names === undefined ? {} : { enum: names }),
    ...(pattern === undefined ? {} : { pattern: `^(?:${pattern})$` }),
    ...(type === 'string' ? { maxLength: max_length } : {}),
    ...(value === undefined ? {} : { default: value }),
    ...(unit === undefined ? {} : { description: unit }),
  };
}
