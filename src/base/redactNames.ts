// Removes the value behind a secret name, in all notations: `password=x`, `"password": "x"`, `password: 'x'`, `password%3Dx`, `--password x`,
// a header line, JSON within JSON. It never looks back, and continues behind each value, so the time is linear.

export const REDACTED = '[redacted]';

/** Names whose value is secret even if it is a number. They may have any words before them, as in `mqttPassword`. */
const PASSWORDS = 'passw(?:or)?[dt]|pass[-_ ]?phrase|passcode|secret(?!ar)';
const SECRETS = `${PASSWORDS}|token|authori[sz]ation|private[-_ ]?key|credential|cookie|api[-_ ]?key|access[-_ ]?key|signature`;
/** Short names are secret only as words of their own: `sig` is, `signal` is not. */
const SHORT_PASSWORDS = 'pwd|pw|psk|otp|phone|phone[-_]?number|tel';
const SHORT = `${SHORT_PASSWORDS}|pass|sig|jwt`;
const WORD = (names: string) => `(?<![A-Za-z])(?:${names})(?![A-Za-z])`;
/** Matches a name anywhere. */
export const NAMES = `${SECRETS}|${WORD(SHORT)}`;

/** Behind the name, words such as `value` or `old` may follow. */
const MORE = String.raw`[\w-]{0,24}`;
/** The rest of a name that tells a fact about a secret, not the secret: `token_expires_at`, `passwordFile`. */
const FACTS = [
  'count',
  'ms',
  's',
  'at',
  'age',
  'bytes',
  'size',
  'length',
  'path',
  'file',
  'folder',
  'dir',
  'url',
  'name',
  'type',
  'kind',
  'ttl',
  'expires',
  'reset',
];
const FACT = new RegExp(`(?:[_-](?:${FACTS.join('|')})|${FACTS.map((word) => (word[0] ?? '').toUpperCase() + word.slice(1)).join('|')})$`);

const KEY = new RegExp(`^[\\w-]*(?:${NAMES})[\\w-]*$`, 'i');
const PASSWORD_KEY = new RegExp(`^[\\w-]*(?:${PASSWORDS}|${WORD(SHORT_PASSWORDS)})[\\w-]*$`, 'i');
const LONGEST_NAME = 64;

/** @param strictly whether a number is secret too. */
export function isSecretName(name: unknown, strictly = false): name is string {
  if (typeof name !== 'string' || name.length > LONGEST_NAME) return false;
  return (strictly ? PASSWORD_KEY : KEY).test(name) && !FACT.test(name);
}

/** Signs between a name and its value. */
const BETWEEN = [
  String.raw`(?:\\{0,8}["'\u0060]|%2[27])?\s{0,8}(?:=>|[:=]|%3[ad])\s{0,8}`,
  // In a list of raw headers, names and values follow one another in quotes.
  String.raw`\\{0,8}["'\u0060]\s{0,4},\s{0,4}(?=\\{0,8}["'\u0060])`,
  String.raw`(?<=--[\w-]{1,40})\s{1,4}(?=[^\s-])`,
  String.raw`(?<=<[\w:-]{1,40})>`,
].join('|');
const NAMED = new RegExp(`((?:${NAMES})${MORE})(?:${BETWEEN})`, 'gi');

/** The value of these names has blanks and commas, so it reaches to the end of the line. */
const HEADER = /authori[sz]ation|cookie/i;
const QUOTED = /(\\{0,8})(["'`])/y;
const ENCODED_QUOTE = /%2[27]/y;
const LIST = /[[{<][^\]}>]*[\]}>]?/y;
const LINE = /(?:[^\r\n"'`\\]|(?<==)\\{0,8}"[^"\r\n]*")+/y;
/** A comma or another sign of punctuation belongs to the value if more of it follows, but not a pair or a blank. */
const WORDS = /(?:[^\s"'`&,;)\]}<>\\|%]|%(?!26|2[27c])|[,;|)\]}](?=[^\s=:"'`&,;\\]{1,64}(?:["'`&,;\s]|$)))+/iy;
/** Words that describe a password instead of being one: `password: expected a string`. */
const PROSE = new RegExp(
  `^(?:${[
    ...[
      'is',
      'it',
      'this',
      'was',
      'are',
      'has',
      'had',
      'must',
      'may',
      'can',
      'cannot',
      'could',
      'did',
      'does',
      'not',
      'no',
      'none',
      'the',
      'a',
      'an',
    ],
    ...[
      'of',
      'for',
      'to',
      'too',
      'only',
      'expected',
      'invalid',
      'missing',
      'required',
      'unset',
      'undefined',
      'null',
      'true',
      'false',
      'wrong',
      'bad',
    ],
    ...[
      'refused',
      'denied',
      'expired',
      'failed',
      'error',
      'unknown',
      'unable',
      'empty',
      'changed',
      'use',
      'give',
      'set',
      'see',
      'remove',
      'decrypt',
    ],
    ...['age', 'overwrite'],
  ].join('|')})$`,
  'i',
);
/** Anything but a password has a digit, a capital or a sign: `token: revoked` has none. */
const WORD_ONLY = /^[a-z’']+[.,;:]?$/;

/** A name in C++ (`token::next`), or a path or topic. A key in base64 may begin with a slash too, but has digits or capitals. */
const PATH = /^(?::|\/[a-z_./-]*$)/;

export function withoutNamed(text: string): string {
  let kept = '';
  let from = 0;
  NAMED.lastIndex = 0;
  for (let found = NAMED.exec(text); found !== null; found = NAMED.exec(text)) {
    const [all, name = ''] = found;
    const start = found.index + all.length;
    if (FACT.test(name) || text[found.index - 1] === '/' || isPathBefore(text, found.index)) continue;
    const value = valueAt(text, start, name);
    if (value === undefined) continue;
    kept += text.slice(from, value.start) + REDACTED;
    from = value.end;
    NAMED.lastIndex = Math.max(value.end, start);
  }
  return from === 0 ? text : kept + text.slice(from);
}

/** A topic such as `/token_ring` is no secret name. */
function isPathBefore(text: string, index: number): boolean {
  return /\/[\w-]+$/.test(text.slice(Math.max(0, index - LONGEST_NAME), index));
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** @returns the value without its quotes; undefined for the name of a file, and for words about the value. */
function valueAt(text: string, start: number, name: string): Span | undefined {
  const quoted = matchAt(QUOTED, text, start);
  if (quoted !== undefined) return quotedAt(text, start + quoted.length, quoted);
  const encoded = matchAt(ENCODED_QUOTE, text, start);
  if (encoded !== undefined) {
    const end = text.indexOf(encoded, start + 3);
    return { start: start + 3, end: end < 0 ? text.length : end };
  }
  const isHeader = HEADER.test(name);
  const value = matchAt(LIST, text, start) ?? matchAt(isHeader ? LINE : WORDS, text, start);
  if (value === undefined || isHarmless(value, name)) return undefined;
  return { start, end: start + value.length };
}

function isHarmless(value: string, name: string): boolean {
  if (value === REDACTED || isFileName(value) || PATH.test(value) || PROSE.test(value.split(/[\s.]/, 1)[0] ?? '')) return true;
  return !isSecretName(name, true) && (WORD_ONLY.test(value) || /^[\d.]+$/.test(value));
}

/** The end is a quote with as many backslashes as the first. Without one, the value reaches to the end of the text. */
function quotedAt(text: string, start: number, opening: string): Span | undefined {
  const quote = opening.at(-1) ?? '"';
  const depth = opening.length - 1;
  let end = text.length;
  for (let at = text.indexOf(quote, start); at >= 0; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\' && at - 1 - slashes >= start) slashes++;
    if (depth === 0 ? slashes % 2 === 1 : slashes > depth) continue;
    end = at - Math.min(slashes, depth);
    break;
  }
  return end === start || isFileName(text.slice(start, Math.min(end, start + 300))) ? undefined : { start, end };
}

/** The name of a file is what a person needs to find a key, and not the key. */
export function isFileName(value: string): boolean {
  return value.length < 300 && /^(?:\.{0,2}|~)\/[\w./@+-]+\.(?:pem|key|crt|cer|der|txt|env|json|yaml)[:,;.]?$/.test(value);
}

function matchAt(expression: RegExp, text: string, at: number): string | undefined {
  expression.lastIndex = at;
  return expression.exec(text)?.[0];
}
