// Removes secrets that are known by their shape: keys, tokens, URLs with a password or a signature, phone numbers, e-mail addresses, bytes.
import { REDACTED } from './redactNames.ts';

type Rule = readonly [shape: RegExp, replacement: string];

/** No expression begins with a repetition, and each repetition that can fail later is bounded. So the time is linear. */
const RULES: readonly Rule[] = [
  // Private keys in PEM, even if they are truncated. Without a body it is only the name of a kind of file.
  [
    /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----(?=(?:\\{1,8}[nrt]|\s){0,8}(?:Proc-Type|[A-Za-z0-9+/=]{10}))(?:[A-Za-z0-9+/=:,\s-]|\\+[nrt])*/g,
    REDACTED,
  ],
  // A word without digits and capitals is prose, such as `basic authentication`.
  [/\b(bearer|basic)\s{1,4}(?![a-z]+(?:[\s.,;:)]|$))[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  // JWTs, AWS access keys, age identities.
  [/(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]+/gi, REDACTED],
  // International phone numbers, and e-mail addresses but not systemd units.
  [/(?<![\w.+:-])\+[1-9](?:[ ()-]{0,2}\d){7,14}(?![\w.])/g, REDACTED],
  [
    /(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}(?!service\b|socket\b|timer\b|slice\b|target\b|local\b)[A-Za-z]{2,24}\b/g,
    REDACTED,
  ],
  // Bytes as Node.js shows them.
  [/<Buffer(?: [0-9a-f]{2})+[^>\n]{0,40}>?/g, `<Buffer ${REDACTED}>`],
];

const URL = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)([^\s"'<>`\\]+)/gi;
/** Long enough for a short password behind a name. */
const PACKED_FROM = 20;
const PACKED = /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}/g;
/** DER of a key or a certificate, and PEM, in base64. */
const KEY = /^(?:MI[GI].{57}|LS0tLS1CRUdJTi)/;
const PACKED_AT_MOST = 8_192;
const READABLE = /^[\x20-\x7e\s]+$/;

export function withoutShapes(text: string): string {
  const urls = text.includes('://') ? text.replace(URL, (_, scheme: string, rest: string) => scheme + withoutUserInfo(rest)) : text;
  return RULES.reduce((left, [shape, replacement]) => left.replace(shape, replacement), urls);
}

/** Replaces base64 and hexadecimal digits that contain a secret. @param withoutNamed removes the values behind secret names from the text in them */
export function withoutPacked(text: string, withoutNamed: (text: string) => string): string {
  return hasPacked(text) ? text.replace(PACKED, (packed) => (hasSecret(packed, withoutNamed) ? REDACTED : packed)) : text;
}

/** In a URL, the query may contain a signature, and the user info a password. An unencoded slash in a password ends the host for a parser. */
function withoutUserInfo(rest: string): string {
  const question = rest.indexOf('?');
  const place = question < 0 ? rest : rest.slice(0, question);
  const query = question < 0 ? '' : `?${REDACTED}`;
  const slash = place.search(/[/#]/);
  const authority = slash < 0 ? place : place.slice(0, slash);
  const at = (hasPort(authority) ? authority : place).lastIndexOf('@');
  return (at < 0 ? place : `${REDACTED}${place.slice(at)}`) + query;
}

/** Whether what looks like the host is one: no colon, or a port or an IPv6 address behind it. */
function hasPort(authority: string): boolean {
  const colon = authority.indexOf(':');
  return colon < 0 || authority.includes('@') || authority.startsWith('[') || /^\d+$/.test(authority.slice(colon + 1));
}

/**
 * Whether there is a word that may be base64 or hexadecimal digits. Words with a slash or a hyphen are topics and identifiers, and those
 * without a digit are names in a stack.
 */
function hasPacked(text: string): boolean {
  let start = 0;
  while (start + PACKED_FROM <= text.length) {
    // From the end of a possible word, because most are shorter.
    let at = start + PACKED_FROM - 1;
    while (at >= start && isAlphanumeric(text.charCodeAt(at))) at--;
    if (at < start) {
      let end = start + PACKED_FROM;
      while (end < text.length && isAlphanumeric(text.charCodeAt(end))) end++;
      if (/\d/.test(text.slice(start, end))) return true;
      at = end;
    }
    start = at + 1;
  }
  return false;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 43;
}

function hasSecret(packed: string, withoutNamed: (text: string) => string): boolean {
  if (KEY.test(packed)) return true;
  if (!hasPacked(packed)) return false;
  const part = packed.slice(0, PACKED_AT_MOST);
  return ([/^[0-9a-f]+$/i.test(part) ? 'hex' : 'base64'] as const).some((encoding) => {
    const text = Buffer.from(part, encoding).toString('latin1');
    if (!READABLE.test(text)) return false;
    return isSecretIn(text, withoutNamed);
  });
}

function isSecretIn(text: string, withoutNamed: (text: string) => string): boolean {
  return withoutNamed(text) !== text || RULES.some(([shape, replacement]) => text.replace(shape, replacement) !== text);
}

/** @returns a note instead of bytes, in the forms in which JSON has a Buffer or a typed array; undefined for all else. */
export function bytesOf(value: object): string | undefined {
  const { type, data } = value as { readonly type?: unknown; readonly data?: unknown };
  if (type === 'Buffer' && Array.isArray(data)) return `[${data.length} bytes]`;
  if (Array.isArray(value) || !('0' in value) || !('7' in value)) return undefined;
  const entries = Object.entries(value);
  return entries.every(([name, each], i) => name === String(i) && isByte(each)) ? `[${entries.length} bytes]` : undefined;
}

function isByte(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 256;
}
