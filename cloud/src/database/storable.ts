// Strings that PostgreSQL can store: neither text nor jsonb takes U+0000, and jsonb takes no half of a surrogate pair. Each becomes
// U+FFFD, so that one odd character can't make the database refuse a message for ever.

/** Text for a text column. Half pairs are replaced by the encoding to UTF-8. */
export function storableText(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

/** JSON text for a jsonb column; SQL's null for null and undefined. */
export function storableJson(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  // JSON.stringify escapes exactly these characters. An escaped backslash before `u0000` must not be mistaken for one.
  return text.includes('\\u') ? text.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, replacement) : text;
}

function replacement(sequence: string): string {
  return sequence === '\\\\' ? sequence : '\uFFFD';
}
