// Parses and evaluates conditions on a channel: `battery > 15`, `fall == false`, `mode == idle`.
import * as z from 'zod';
import { parsedBy } from './values.ts';

const COMPARISONS = ['==', '!=', '<=', '>=', '<', '>'] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface Condition {
  readonly channel: string;
  readonly comparison: Comparison;
  readonly value: boolean | number | string;
  /** The condition as written in the file. */
  readonly text: string;
}

const FORM = /^([a-z][a-z0-9_]{0,39})\s*([=!<>].*)$/s;
const COMPARISON = /^(==|!=|<=|>=|<|>)\s*("[^"]*"|[^\s"]+)$/;
const EXPECTED = 'expected CHANNEL == VALUE (or !=, <, <=, >, >=), such as battery > 15';

export const condition = parsedBy(z.string(), EXPECTED, (written): Condition | undefined => {
  const text = written.trim();
  const [, channel, rest = ''] = FORM.exec(text) ?? [];
  const comparison = parseComparison(rest);
  return channel === undefined || comparison === undefined ? undefined : { channel, ...comparison, text };
});

/** Parses texts such as `> 15`, `== idle` or `!= "not there"`. @returns undefined for other texts, such as `< idle`, which has no order */
export function parseComparison(text: string): Pick<Condition, 'comparison' | 'value'> | undefined {
  const [, operator, literal] = COMPARISON.exec(text.trim()) ?? [];
  const comparison = COMPARISONS.find((each) => each === operator);
  if (comparison === undefined || literal === undefined) return undefined;
  const value = literalValue(literal);
  const ordered = comparison !== '==' && comparison !== '!=';
  return ordered && typeof value !== 'number' ? undefined : { comparison, value };
}

/** Whether a value meets the condition. A value of another type never does, not even with `!=`. */
export function holds({ comparison, value }: Pick<Condition, 'comparison' | 'value'>, found: unknown): boolean {
  if (typeof found !== typeof value) return false;
  if (comparison === '==') return found === value;
  if (comparison === '!=') return found !== value;
  if (typeof found !== 'number' || typeof value !== 'number') return false;
  if (comparison === '<') return found < value;
  if (comparison === '<=') return found <= value;
  return comparison === '>' ? found > value : found >= value;
}

function literalValue(literal: string): boolean | number | string {
  if (literal === 'true' || literal === 'false') return literal === 'true';
  if (literal.startsWith('"')) return literal.slice(1, -1);
  const number = Number(literal);
  return Number.isFinite(number) ? number : literal;
}
