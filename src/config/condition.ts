// A condition on a channel, as people write it: `battery > 15`, `fall == false`, `mode == idle`.
import * as z from 'zod';

export const COMPARISONS = ['==', '!=', '<=', '>=', '<', '>'] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface Condition {
  readonly channel: string;
  readonly is: Comparison;
  readonly value: boolean | number | string;
  /** As it was written. */
  readonly text: string;
}

const FORM = /^([a-z][a-z0-9_]{0,39})\s*([=!<>].*)$/s;
const COMPARISON = /^(==|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)$/;
const EXPECTED = 'expected CHANNEL == VALUE (or !=, <, <=, >, >=), such as battery > 15';

export const condition = z.string().transform((written, context): Condition => {
  const text = written.trim();
  const [, channel, rest = ''] = FORM.exec(text) ?? [];
  const comparison = parseComparison(rest);
  if (channel === undefined || comparison === undefined) {
    context.addIssue({ code: 'custom', message: EXPECTED, input: written });
    return z.NEVER;
  }
  return { channel, ...comparison, text };
});

/** `> 15`, `== idle`, `!= "not there"`; undefined for anything else. Order is for numbers only. */
export function parseComparison(text: string): Pick<Condition, 'is' | 'value'> | undefined {
  const [, comparison, literal] = COMPARISON.exec(text.trim()) ?? [];
  const is = COMPARISONS.find((each) => each === comparison);
  if (is === undefined || literal === undefined) return undefined;
  const value = literalValue(literal);
  const ordered = is !== '==' && is !== '!=';
  return ordered && typeof value !== 'number' ? undefined : { is, value };
}

/** Values of different types are never equal and never compare, so that `!=` can't be met by a value that makes no sense. */
export function holds({ is, value }: Pick<Condition, 'is' | 'value'>, found: unknown): boolean {
  if (typeof found !== typeof value) return false;
  if (is === '==') return found === value;
  if (is === '!=') return found !== value;
  if (typeof found !== 'number' || typeof value !== 'number') return false;
  if (is === '<') return found < value;
  if (is === '<=') return found <= value;
  return is === '>' ? found > value : found >= value;
}

function literalValue(literal: string): boolean | number | string {
  if (literal === 'true' || literal === 'false') return literal === 'true';
  if (literal.startsWith('"')) return literal.slice(1, -1);
  const number = Number(literal);
  return Number.isFinite(number) ? number : literal;
}
