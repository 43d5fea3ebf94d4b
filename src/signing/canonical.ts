// Defines the text that a family key signs: the canonical form (RFC 8785) of a command's fields.
import canonicalize from 'canonicalize';

/** The signed fields. `args` is `{}` if the command has none, and `{"value": x}` if it was sent with the short form `value`. */
export interface SignedCommand {
  readonly thing: string;
  readonly command: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly id: string;
  readonly issued_at: number;
  readonly expires_at: number;
}

/** @throws Error if a text has a lone surrogate or a number is not finite, because then there is no canonical form. */
export function canonicalCommand({ thing, command, args, id, issued_at, expires_at }: SignedCommand): string {
  return canonicalJson({ thing, command, args, id, issued_at, expires_at });
}

/** @throws Error if the value has no canonical form. */
export function canonicalJson(value: object): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('the value has no JSON form');
  return text;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * Finds a key that an object of a JSON text contains twice. Parsers disagree on which of the two counts, so the signer may have meant the
 * other one. @param json must be valid JSON.
 */
export function duplicateKey(json: string): string | undefined {
  /** The keys of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const key: string = JSON.parse(last);
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
    last = token;
  }
  return undefined;
}
