// Words and forms of sentence that the project does not use. Each entry says why, and what to write instead.

export interface Rule {
  /** Matches from a word of a passage; spaces in it stand for any white space. */
  readonly pattern: RegExp;
  readonly why: string;
  readonly instead: string;
  /** Whether a real question, which ends with a question mark, may have this form. */
  readonly unlessQuestion?: true;
}

/** `START` (¶) marks the start of a paragraph, an item or a cell; `MASK` (•) stands for code. */
const sentence = (words: string): RegExp => {
  const capital = words.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  return new RegExp(String.raw`(?<=¶[\s"'“(*]*)(?:${words}|${capital})\b|(?<=[.!?:][)"'”*]*\s+)(?:${capital})\b`);
};

/** After these words "where" speaks of a place: "the folder where", "says where", "from where". */
const PLACE =
  'place|places|point|points|line|lines|position|offset|byte|file|folder|directory|column|table|exactly|and|or|from|of|to|on|is|' +
  'say|says|said|show|shows|tell|tells|know|knows|known|find|finds|see|sees|decide|decides|choose|chooses|print|prints|name|names|state|states';

export const RULES: readonly Rule[] = [
  {
    pattern: sentence('what|who|whose|of|where'),
    why: 'a clause as the subject hides the subject',
    instead: 'begin with a noun: "The rows that ...", "If ..."',
    unlessQuestion: true,
  },
  {
    pattern: new RegExp(`(?<!\\b(?:${PLACE}) )\\bwhere\\b`),
    why: '"where" speaks of a place',
    instead: 'say "if" or "when" for a condition; for a place, name it: "the folder where"',
    unlessQuestion: true,
  },
  { pattern: /\banew\b/i, why: 'archaic', instead: 'again' },
  { pattern: /\bfor want of\b/i, why: 'archaic', instead: 'because there is no ..., for lack of' },
  { pattern: /\b(?:is|are|was|were) none\b/i, why: 'the noun has to be guessed', instead: 'there is no ...; ... is not a ...' },
  { pattern: /\bwhoever\b/i, why: 'archaic', instead: 'anyone who; the client that' },
  // Only people are warned.
  {
    pattern: /\bnobody\b(?! (?:is|will be) warned\b)/i,
    why: 'no person is meant',
    instead: 'no caller, no process, no node; or the passive voice',
  },
  { pattern: /\bin the midst of\b/i, why: 'archaic', instead: 'during, in the middle of' },
  { pattern: /\b(?:as|than) ever\b/i, why: 'unclear', instead: 'as before, as usual' },
  { pattern: /\b(?:with|of|in|from|to|at|by|for) (?:it|them) alone\b/i, why: 'unclear', instead: 'only' },
  { pattern: /\bis meant\b/i, why: 'unclear', instead: 'name the thing' },
  { pattern: /\bbut for\b/i, why: 'archaic', instead: 'except for' },
  { pattern: /\b(?:is|are|was|were) (?:told|heard of)\b/i, why: 'unclear', instead: 'is notified, is reported, is received' },
  { pattern: /\bof (?:more|fewer)\b(?! than)/i, why: 'the noun has to be guessed', instead: 'if there are more ...' },
  { pattern: /\blets? go of\b/i, why: 'unclear', instead: 'releases, removes' },
  { pattern: /\bgiv(?:e|es|ing) way\b/i, why: 'unclear', instead: 'is evicted, pauses' },
  {
    pattern: /\brooms?\b(?! temperature)(?<!\b(?:living|bed|bath|dining|every|each|this|same|other|the resident's) rooms?)/i,
    why: 'the robot works in rooms',
    instead: 'module, space, capacity, topic',
  },
  { pattern: /\bhouses?\b/i, why: 'the robot works in a house', instead: 'architecture, bench, home' },
  { pattern: /\bdoors?\b(?! sensor)(?<!\b(?:front|back) doors?)/i, why: 'the robot reports doors', instead: 'public API, entry point' },
  { pattern: /\bwalls\b|\bwall\b(?! (?:clock|time))/i, why: 'a flat has walls', instead: 'import boundaries; the wall clock' },
];
