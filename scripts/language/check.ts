// Joins both checks: forbidden phrases passage by passage, and the spelling of all words together.
import { passagesOf } from './extract.ts';
import { breaksBefore, type Finding, phrasesIn } from './phrases.ts';
import { misspelt, wordsIn } from './spelling.ts';

export interface Fault extends Finding {
  readonly file: string;
}

/** @returns the faults, ordered by file and line. */
export async function check(files: readonly { readonly file: string; readonly source: string }[]): Promise<readonly Fault[]> {
  const passages = files.flatMap(({ file, source }) => passagesOf(file, source).map((passage) => ({ file, passage })));
  const phrases = passages.flatMap(({ file, passage }) => phrasesIn(passage).map((finding) => ({ file, ...finding })));

  const words = passages.flatMap(({ file, passage }) => wordsIn(passage).map(({ word, index }) => ({ file, passage, word, index })));
  const wrong = await misspelt(new Set(words.map(({ word }) => word)));
  const spelling = words
    .filter(({ word }) => wrong.has(word))
    .map(({ file, passage, word, index }) => ({
      file,
      line: passage.line + breaksBefore(passage.text, index),
      found: word,
      advice: 'unknown word: correct it, put code between backticks, or add a term to docs/dictionary.txt',
    }));
  return [...phrases, ...spelling].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
}
