// The ROS message of a command: the configuration's template with `$name` replaced by that argument. Pure.
import type { ArgumentValue } from './arguments.ts';

export function fill(
  template: Readonly<Record<string, unknown>>,
  values: Readonly<Record<string, ArgumentValue>>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(template).map(([field, part]) => [field, fillPart(part, values)]));
}

function fillPart(part: unknown, values: Readonly<Record<string, ArgumentValue>>): unknown {
  if (typeof part === 'string' && part.startsWith('$')) {
    const name = part.slice(1);
    return Object.hasOwn(values, name) ? values[name] : part;
  }
  if (Array.isArray(part)) return part.map((item) => fillPart(item, values));
  if (part !== null && typeof part === 'object') return fill(part as Record<string, unknown>, values);
  return part;
}
