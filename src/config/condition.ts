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

const FORM = /^([a-z][a-z0-9_]{0,39})\s*(==|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)$/;
const EXPECTED = 'expected CHANNEL == VALUE (or !=, <, <=, >, >=), such as battery > 15';

export const condition = z.string().transform((written, context): Condition => {
  const text = written.trim();
  const [, channel, comparison, literal] = FORM.exec(text) ?? [];
  const is = COMPARISONS.find((each) => each === comparison);
  const value = literal === undefined ? undefined : literalValue(literal);
  const ordered = is !== '==' && is !== '!=';
  if (channel === undefined || is === undefined || value === undefined || (ordered && typeof value !== 'number')) {
    context.addIssue({ code: 'custom', message: EXPECTED, input: written });
    return z.NEVER;
  }
  return { channel, is, value, text };
});

function literalValue(literal: string): boolean | number | string {
  if (literal === 'true' || literal === 'false') return literal === 'true';
  if (literal.startsWith('"')) return literal.slice(1, -1);
  const number = Number(literal);
  return Number.isFinite(number) ? number : literal;
}
