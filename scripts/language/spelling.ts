// Spelling: all words of all passages are looked up once, in English, in software terms and in docs/dictionary.txt.
import { fileURLToPath } from 'node:url';
import type { Passage } from './extract.ts';

export const DICTIONARY = fileURLToPath(new URL('../../docs/dictionary.txt', import.meta.url));

/** Words with digits, underscores or an inner capital letter are identifiers, and so are words that a code span touches. */
const WORD = /(?<![\p{L}\p{N}_$@•.'’-])\p{L}[\p{L}’']*(?![\p{L}\p{N}_•])/gu;

export interface Word {
  readonly word: string;
  readonly index: number;
}

export function wordsIn({ text }: Passage): readonly Word[] {
  return [...text.matchAll(WORD)]
    .map(({ 0: word, index }) => ({ word: word.replace(/[’']s?$/, '').replaceAll('’', "'"), index }))
    .filter(({ word }) => word.length > 3 && !/\p{L}\p{Lu}/u.test(word));
}

/** @returns those of the words that no dictionary has. */
export async function misspelt(words: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const { spellCheckDocument } = await import('cspell-lib');
  const { issues } = await spellCheckDocument(
    { uri: 'words.txt', text: [...words].join('\n'), languageId: 'plaintext', locale: 'en,en-GB' },
    { noConfigSearch: true, generateSuggestions: false },
    {
      words: [],
      dictionaryDefinitions: [{ name: 'project', path: DICTIONARY }],
      dictionaries: [
        'project',
        'en-gb',
        'softwareTerms',
        'node',
        'npm',
        'typescript',
        'aws',
        'python',
        'bash',
        'networkingTerms',
        'companies',
      ],
      maxNumberOfProblems: 100_000,
      maxDuplicateProblems: 1,
      minWordLength: 4,
    },
  );
  return new Set(issues.map(({ text }) => text));
}
