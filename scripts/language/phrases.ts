// Finds the forms of sentence of list.ts in a passage.
import type { Passage } from './extract.ts';
import { RULES } from './list.ts';

export interface Finding {
  readonly line: number;
  readonly found: string;
  /** Why it is a fault, and what to write instead. */
  readonly advice: string;
}

export function phrasesIn({ line, text }: Passage): readonly Finding[] {
  const flat = text.replace(/\s/g, ' ').replace(/ {2,}/g, (gap) => gap);
  const single = squeeze(text);
  return RULES.flatMap(({ pattern, why, instead, unlessQuestion }) =>
    [...single.text.matchAll(new RegExp(pattern.source, `${pattern.flags}g`))]
      .filter(({ index }) => !(unlessQuestion && isQuestion(single.text, index)))
      .map(({ index }) => ({
        line: line + breaksBefore(text, single.origin[index] ?? 0),
        found: flat.slice(single.origin[index], (single.origin[index] ?? 0) + 60).trim(),
        advice: `${why}: ${instead}`,
      })),
  );
}

/** White space becomes one space, so that a phrase is found across a line break; `origin` has each character's place in `text`. */
function squeeze(text: string): { readonly text: string; readonly origin: readonly number[] } {
  const origin: number[] = [];
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const isSpace = /\s/.test(text[i] ?? '');
    if (isSpace && out.endsWith(' ')) continue;
    out += isSpace ? ' ' : text[i];
    origin.push(i);
  }
  return { text: out, origin };
}

function isQuestion(text: string, from: number): boolean {
  return /^[^.!?¶]*\?/.test(text.slice(from));
}

export const breaksBefore = (text: string, index: number): number => text.slice(0, index).split('\n').length - 1;
