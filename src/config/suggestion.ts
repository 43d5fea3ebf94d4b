// Suggests conditions for values that the given condition never matches, and puts a suggested line of YAML into words. Pure.
import type { AlertWhen } from './channel.ts';
import { holds } from './condition.ts';

type Comparison = AlertWhen['raise'];

/** Only the user knows this limit. The line does not load before it is filled in. */
export const UNKNOWN_LIMIT = 'alert_when: "> N"  # N: the largest harmless value';

/** The placeholder has a space, so that the line does not load before it is filled in. */
export const UNKNOWN_TEXT = 'alert_when: "== THE TEXT"  # THE TEXT: the text that means danger';

const YES = /^(true|yes|on|1)$/i;
const NO = /^(false|no|off|0)$/i;

/** Usual texts of a detector that detects nothing. */
const CALM = /^(none|normal|unknown|ok|okay|off|no|clear|idle|safe|false|0)$/i;

export function isCalm(text: string): boolean {
  return CALM.test(text);
}

/**
 * Translates a condition on a number or a text for a field that is a boolean. If the condition distinguishes 1 and 0, or yes and no, the
 * boolean is certain: `== 1`, `< 1` or `!= off`. Otherwise the line says which meaning it assumes: `< 5` looks for low values, `!= ok` for
 * anything but calm.
 */
export function booleanLine(given: Comparison): string {
  const { isDanger, isCertain } = typeof given.value === 'string' ? fromText(given, given.value) : fromNumber(given);
  return `alert_when: ${isDanger}${isCertain ? '' : `  # if ${isDanger} means danger`}`;
}

interface Translation {
  readonly isDanger: boolean;
  readonly isCertain: boolean;
}

function fromNumber(given: Comparison): Translation {
  const [whenFalse, whenTrue] = [holds(given, 0), holds(given, 1)];
  if (whenFalse !== whenTrue) return { isDanger: whenTrue, isCertain: true };
  return { isDanger: !given.comparison.startsWith('<'), isCertain: false };
}

function fromText({ comparison }: Comparison, text: string): Translation {
  const isYes = YES.test(text);
  const isEqual = comparison === '==';
  if (isYes || NO.test(text)) return { isDanger: isYes === isEqual, isCertain: true };
  return { isDanger: !(isEqual && isCalm(text)), isCertain: false };
}

const COMMENT = '  # ';

/**
 * @param suggestion a line of YAML. Its comment explains a placeholder (`# N: the largest harmless value`) or the line's assumption (`# if
 * true means danger`).
 */
export function inWords(suggestion: string): string {
  const at = suggestion.lastIndexOf(COMMENT);
  if (at === -1) return `this line works: ${suggestion}`;
  const [line, comment] = [suggestion.slice(0, at), suggestion.slice(at + COMMENT.length)];
  const [, placeholder, meaning] = /^([A-Z ]+): (.*)$/.exec(comment) ?? [];
  return placeholder === undefined ? `${comment}, this line works: ${line}` : `try ${line} with ${meaning} in place of ${placeholder}`;
}
