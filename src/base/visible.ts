// Renders text that others write: ROS nodes, brokers, clouds, files, certificates. Such text may neither act on a terminal nor look like a
// line of this program.

/** A longer text is cut. It is enough for a long error message, and for six rows of a terminal. */
const LONGEST = 500;
/** The longest note behind a text that was cut. */
const NOTE_CHARACTERS = 30;
/** Marks on one letter that are shown. More are not used by any language, but cover the lines above. */
const MARKS = 4;

/**
 * Characters that a terminal obeys or does not show: controls (C0, DEL, C1), bidi and zero-width characters, line separators, lone surrogates
 * and unassigned characters. U+FE0F only selects the colour of an emoji.
 */
const HIDDEN = /(?!\uFE0F)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** This many blanks can push the rest of the text to the next row of a terminal. It then looks like a line of its own. */
const BLANKS = String.raw`[\p{Zs}\t\u2800]{17,}`;
const NEEDS_CARE = new RegExp(`${HIDDEN.source}|\\p{M}|${BLANKS}`, 'u');
const PIECE = new RegExp(`${BLANKS}|.`, 'gus');
/** A quick test for most lines. */
const PLAIN = /^[ -~]*$/;
const MARK = /^\p{M}$/u;
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Renders a foreign text as one line: a hidden character as its escape (`\n`, `\u001b`), and many blanks as their number. Rendering
 * twice changes nothing more.
 * @param longest the limit in characters. The rest of a longer text is replaced by `… (N more characters)`.
 */
export function visible(text: string, longest: number = LONGEST): string {
  if (text.length <= longest && !NEEDS_CARE.test(text)) return text;
  let shown = '';
  let taken = 0;
  let fits = { text: '', taken: 0 };
  // A mark at the beginning would change the character before the text.
  let marks = MARKS;
  for (const [piece] of text.matchAll(PIECE)) {
    marks = MARK.test(piece) ? marks + 1 : 0;
    shown += marks > MARKS ? escapeOf(piece) : rendered(piece);
    if (shown.length > longest) return `${fits.text}… (${text.length - fits.taken} more characters)`;
    taken += piece.length;
    if (shown.length <= longest - NOTE_CHARACTERS) fits = { text: shown, taken };
  }
  return shown;
}

/** Renders all strings of a value that came as JSON, and the names of its fields. */
export function visibleData<T>(value: T, longest?: number): T;
export function visibleData(value: unknown, longest?: number): unknown {
  if (typeof value === 'string') return visible(value, longest);
  if (Array.isArray(value)) return value.map((each) => visibleData<unknown>(each, longest));
  if (value === null || typeof value !== 'object' || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [visible(name, longest), visibleData<unknown>(each, longest)]));
}

/** Replaces hidden characters by their escapes, and keeps everything else of our own lines. JSON stays JSON with the same value. */
export function withoutHidden(text: string): string {
  return PLAIN.test(text) ? text : text.replace(HIDDEN, escapeOf);
}

function rendered(piece: string): string {
  if (piece.length > 2) return `[${piece.length} blanks]`;
  return withoutHidden(piece);
}

function escapeOf(character: string): string {
  return SHORT[character] ?? character.replace(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
