// Extracts the prose of a file: comments, sentences in string literals, test titles and Markdown. Code is read by a tokenizer.
import jsTokens, { type Token } from 'js-tokens';

export interface Passage {
  /** Line of the file on which `text` begins, counted from 1. Each line break in `text` is a line break in the file. */
  readonly line: number;
  readonly kind: 'comment' | 'string' | 'title' | 'prose';
  /** Code spans, links and expressions are replaced by `MASK`; `START` marks the start of a paragraph, an item or a table cell. */
  readonly text: string;
}

export const MASK = '•';
export const START = '¶';

const mask = (text: string): string => text.replace(/[^\n]/g, MASK);

/** Hides code spans, URLs and paths, which are no prose. */
function prose(text: string): string {
  return text
    .replace(/`[^`\n]+`/g, mask)
    .replace(/\b[a-z]+:\/\/[^\s)>'"]+/g, mask)
    .replace(/[\w.~*-]*\/[\w./*{}$-]+/g, mask);
}

/** @param file decides by its ending how the file is read; files of unknown kinds have no passages. */
export function passagesOf(file: string, source: string): readonly Passage[] {
  if (file.endsWith('.md')) return [markdown(source)];
  if (/\.(ts|mjs|js)$/.test(file)) return script(source, /(^|\/)(test|scripts\/lab)\//.test(file));
  if (/\.(yaml|yml|sh|py|service|conf|toml)$/.test(file) || !/\.\w+$/.test(file)) return hashComments(source);
  return [];
}

function markdown(source: string): Passage {
  const text = prose(
    source
      .replace(/^( *)(```|~~~)[\s\S]*?^\1\2[^\S\n]*$/gm, mask)
      .replace(/<!--[\s\S]*?-->/g, mask)
      .replace(/\]\([^)\s]*\)/g, mask)
      .replace(/^\[[^\]]+\]: .*$/gm, mask)
      .replace(/<[^>\n]+>/g, mask),
  );
  return {
    line: 1,
    kind: 'prose',
    text: `${START}${text
      .replace(/^(\s*)(#+|[-*]|\d+\.|>) /gm, `$1${START} `)
      .replace(/\|/g, START)
      .replace(/\n[^\S\n]*\n/g, `\n${START}\n`)}`,
  };
}

/** Comments of YAML, shell, Python and unit files: everything after a `#` that begins a line or follows a space. */
function hashComments(source: string): readonly Passage[] {
  const found = source.split('\n').flatMap((line, i) => {
    const [, code = '', text] = /^((?:[^#'"]|"[^"]*"|'[^']*')*?)(?:^|(?<=\s))#(?!!)(.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [{ line: i + 1, text, alone: code.trim() === '' }];
  });
  return joined(found);
}

interface LineComment {
  readonly line: number;
  readonly text: string;
  /** Whether the line holds nothing but the comment; only such lines continue the comment above. */
  readonly alone: boolean;
}

function joined(comments: readonly LineComment[]): readonly Passage[] {
  const passages: { line: number; lines: string[]; alone: boolean }[] = [];
  for (const { line, text, alone } of comments) {
    const last = passages.at(-1);
    if (last?.alone && alone && last.line + last.lines.length === line) last.lines.push(text);
    else passages.push({ line, lines: [text], alone });
  }
  return passages.map(({ line, lines }) => ({ line, kind: 'comment', text: prose(START + lines.join('\n')) }));
}

/** The code before a title: `it(`, `describe.skip(`; not `pattern.test(`. */
const TITLE = /(?<![.\w])(it|describe|test)(\.\w+)*\($/;
const SQL =
  /\$\d|\b(select\b[^.]*\bfrom|insert into|delete from|update [\w.]+( \w+)? set|(order|group) by|(create|alter|drop) (table|index|trigger|type|extension|schema)|where [\w.]+ (=|<|>|is|in)|begin immediate|pragma)\b/i;
/** At least three words, the first of which is more than a symbol. */
const SENTENCE = /^[^a-zA-Z]*[a-zA-Z]['’a-zA-Z]*[.,:;]?\s+\S+\s+\S+/;

function script(source: string, isTest: boolean): readonly Passage[] {
  const comments: LineComment[] = [];
  const passages: Passage[] = [];
  /** Template literals that are open: the line of their start, and the text read so far. */
  const open: { readonly line: number; readonly isTitle: boolean; text: string }[] = [];
  let line = 1;
  let lineHasCode = false;
  /** The last names and punctuators, without white space. */
  let before = '';

  const literal = (at: number, raw: string, isTitle: boolean): void => {
    const text = raw.replace(/\\n/g, `  `).replace(/\\(['"`])/g, '$1');
    if (isTitle) passages.push({ line: at, kind: 'title', text: START + prose(text) });
    else if (!isTest && SENTENCE.test(text) && !SQL.test(text)) passages.push({ line: at, kind: 'string', text: START + prose(text) });
  };

  for (const token of jsTokens(source) as Iterable<Token>) {
    const { type, value } = token;
    const isTitle = TITLE.test(before);
    const inner = open.at(-1);
    if (inner && type !== 'TemplateMiddle' && type !== 'TemplateTail') inner.text += mask(value);

    if (type === 'SingleLineComment') comments.push({ line, text: value.slice(2), alone: !lineHasCode });
    else if (type === 'MultiLineComment') {
      const text = value.slice(2, -2).replace(/^\s*\*+ ?/gm, (star) => star.replace(/[^\n]/g, ' '));
      passages.push({
        line,
        kind: 'comment',
        text: prose(START + text.replace(/^(\s*)(@\w+|-) /gm, `$1${START}`).replace(/ (@returns|@throws) /g, `. ${START}`)),
      });
    } else if (type === 'StringLiteral') literal(line, value.slice(1, -1), isTitle);
    else if (type === 'NoSubstitutionTemplate') literal(line, value.slice(1, -1), isTitle);
    else if (type === 'TemplateHead') open.push({ line, isTitle, text: value.slice(1, -2) });
    else if (type === 'TemplateMiddle' && inner) inner.text += MASK + value.slice(1, -2);
    else if (type === 'TemplateTail') {
      const whole = open.pop();
      if (whole) literal(whole.line, `${whole.text}${MASK}${value.slice(1, -1)}`, whole.isTitle);
      const outer = open.at(-1);
      if (outer) outer.text += mask(value);
    }

    const breaks = value.split('\n').length - 1;
    line += breaks;
    if (type === 'LineTerminatorSequence') lineHasCode = false;
    else if (type !== 'WhiteSpace' && !type.endsWith('Comment')) lineHasCode = true;
    if (type !== 'WhiteSpace' && type !== 'LineTerminatorSequence')
      before = type === 'IdentifierName' || type === 'Punctuator' ? `${before}${value}`.slice(-40) : '';
  }
  return [...joined(comments), ...passages];
}
