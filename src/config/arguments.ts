// Schema of one command argument.
import * as z from 'zod';

export const argument = z
  .strictObject({
    type: z.enum(['boolean', 'number', 'integer', 'string']),
    /** If false and without a default, the message field keeps ROS's own default. */
    required: z.boolean().default(true),
    default: z.union([z.boolean(), z.number(), z.string()]).optional(),
    /** Limits of a number. A value outside is clamped, and the result says so. */
    min: z.number().optional(),
    max: z.number().optional(),
    enum: z.array(z.string()).min(1).optional(),
    pattern: z.string().optional(),
    /** Strings: allowed names, each with the message part that it stands for, such as the pose of a named place. */
    choices: z.record(z.string().min(1).max(40), z.unknown()).optional(),
    max_length: z.int().min(1).max(4096).default(256),
    unit: z.string().max(20).optional(),
  })
  .superRefine((rules, context) => {
    for (const [key, message] of wrongWith(rules)) context.addIssue({ code: 'custom', path: [key], message });
  });
export type ArgumentConfig = z.infer<typeof argument>;

function wrongWith(rules: ArgumentConfig): [key: string, text: string][] {
  const { type, min, max, enum: words, pattern, choices, default: value } = rules;
  const faults: [string, string][] = [];
  const isNumber = type === 'number' || type === 'integer';
  if (!isNumber && (min !== undefined || max !== undefined)) faults.push([min === undefined ? 'max' : 'min', 'expected only for numbers']);
  if (min !== undefined && max !== undefined && min > max) faults.push(['min', `expected at most max (${max})`]);
  for (const [key, given] of Object.entries({ enum: words, pattern, choices })) {
    if (given !== undefined && type !== 'string') faults.push([key, 'expected only for strings']);
  }
  if (choices && (words || Object.keys(choices).length === 0))
    faults.push(['choices', 'expected at least one name, and no enum beside it']);
  if (pattern !== undefined && !isPattern(pattern)) faults.push(['pattern', 'expected a valid regular expression']);
  const fits = value === undefined || (type === 'integer' ? Number.isSafeInteger(value) : typeof value === (isNumber ? 'number' : type));
  if (!fits) faults.push(['default', `expected ${type}`]);
  if (typeof value === 'number' && (value < (min ?? value) || value > (max ?? value)))
    faults.push(['default', 'expected a value between min and max']);
  const names = words ?? (choices && Object.keys(choices));
  if (typeof value === 'string' && names && !names.includes(value)) faults.push(['default', `expected one of ${names.join(', ')}`]);
  return faults;
}

function isPattern(text: string): boolean {
  try {
    new RegExp(`^(?:${text})$`, 'u');
    return true;
  } catch {
    return false;
  }
}
