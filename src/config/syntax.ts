// Says in plain words which mistake makes a file invalid YAML, because the parser's words are about its grammar. Pure.
import type { YAMLParseError } from 'yaml';

export interface SyntaxFault {
  readonly fault: string;
  readonly remedy: string;
}

/** A key, and a value that begins with a character that means something else in YAML. In braces the value ends with the next comma or brace. */
const UNQUOTED = /([\w-]+):[ \t]+([>|%@`*&!](?:[^,{}"'#]*[^\s,{}"'#])?)/;
const WITHOUT_SPACE = /^\s*(?:- )?([A-Za-z]\w*):(\S.*)$/;
const TWO_COLONS = /^\s*(?:- )?([\w-]+):[ \t]+([^"'{[\s].*:\s.*\S)\s*$/;

/** @param text the whole file. */
export function syntaxFault({ code, message, pos: [offset] }: YAMLParseError, text: string): SyntaxFault {
  const line = lineAt(text, offset);
  if (code === 'DUPLICATE_KEY') {
    const key = /^["']?([^\s:"']+)/.exec(text.slice(offset))?.[1] ?? '';
    return { fault: `the key ${key} appears a second time`, remedy: 'keep one of the two entries' };
  }
  if (code === 'TAB_AS_INDENT') return { fault: 'a tab indents this line', remedy: 'indent with spaces' };
  const [, key, value] = UNQUOTED.exec(line) ?? [];
  if (value !== undefined)
    return { fault: `a value that begins with ${value.charAt(0)} needs quotes`, remedy: `write ${key}: ${JSON.stringify(value)}` };
  const [, name, rest] = WITHOUT_SPACE.exec(line) ?? [];
  if (name !== undefined) return { fault: `no space follows the colon of ${name}`, remedy: `write ${name}: ${rest?.trim()}` };
  const [, outer, inner] = TWO_COLONS.exec(line) ?? [];
  if (inner !== undefined) return { fault: 'a value with a colon needs quotes', remedy: `write ${outer}: ${JSON.stringify(inner)}` };
  if (/^\s*-(\s|$)/.test(line)) return { fault: 'a list begins here, expected keys and values', remedy: 'remove the dash' };
  if (message.startsWith('Flow ')) return { fault: 'a bracket or brace above is not closed', remedy: 'close it before this line' };
  if (code === 'BLOCK_AS_IMPLICIT_KEY')
    return { fault: 'the next line is indented more than this one', remedy: 'indent all keys of an entry with the same number of spaces' };
  if (code === 'BAD_INDENT')
    return {
      fault: 'the indentation of this line fits no line above',
      remedy: 'indent all keys of an entry with the same number of spaces',
    };
  return { fault: message, remedy: 'the file must be YAML: indent with spaces, close quotes and brackets' };
}

function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const end = text.indexOf('\n', start);
  return text.slice(start, end === -1 ? undefined : end);
}
