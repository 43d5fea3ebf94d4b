// Reads a configuration file, and finds the position of each key in it.
import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, LineCounter, parseDocument, Scalar, visit } from 'yaml';
import { codeOf, messageOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { syntaxFault } from './syntax.ts';

export interface Source {
  readonly name: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

/**
 * @param onSyntaxError called with each syntax error, which is thrown otherwise. If it returns, the document has what could be parsed.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX
 */
export function readSource(name: string, onSyntaxError?: (error: AgentError) => void): Source {
  const refuse = (place: string, fault: string, remedy: string) => {
    const error = new AgentError('CONFIG_SYNTAX', `${name}:${place}: ${fault}`, { remedy });
    if (!onSyntaxError) throw error;
    onSyntaxError(error);
  };
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'it is a folder' : `it can't be read (${code})`;
    throw new AgentError('CONFIG_NOT_FOUND', `configuration ${name}: ${reason}`, {
      remedy: 'give an existing file with --config FILE',
      cause: error,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const { fault, remedy } = syntaxFault(problem, text);
    refuse(`${line}:${col}`, fault, remedy);
  }
  if (document.contents !== null && !isMap(document.contents))
    refuse('1:1', 'expected keys and values', 'start from config/robot.example.yaml');
  const alias = replaceInvalidAliases(document);
  if (alias) {
    const { line, col } = lines.linePos(alias.offset);
    refuse(`${line}:${col}`, alias.fault, alias.remedy);
  }
  return { name, lines, document };
}

/**
 * Replaces with null each alias that would make `toJS` fail or return a cyclic object, because the parser does not report such aliases.
 * @returns the first fault, if any
 */
function replaceInvalidAliases(document: Document): { offset: number; fault: string; remedy: string } | undefined {
  const offsets: number[] = [];
  const replace = (isInvalid: (target: unknown, path: readonly unknown[]) => boolean) =>
    visit(document, {
      Alias: (_, alias, path) => {
        if (!isInvalid(alias.resolve(document), path)) return undefined;
        offsets.push(alias.range?.[0] ?? 0);
        return new Scalar(null);
      },
    });
  replace((target, path) => target === undefined || path.includes(target));
  const remedy = 'put quotes around a text that begins with *';
  if (offsets[0] !== undefined) return { offset: offsets[0], fault: 'no value with this anchor precedes the alias', remedy };
  try {
    document.toJS();
    return undefined;
  } catch (error) {
    replace(() => true);
    return { offset: offsets[0] ?? 0, fault: messageOf(error), remedy: 'write out each value instead of an alias' };
  }
}

/** Returns `file:line:column` of a key in the highest layer that contains it. If no layer does, returns that of its nearest parent. */
export function placeOf(path: readonly PropertyKey[], sources: readonly Source[]): string {
  for (let length = path.length; length > 0; length--) {
    for (const { name, lines, document } of sources) {
      const parent = document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(path[length - 1])) : undefined;
      const start = pair && isNode(pair.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined) {
        const { line, col } = lines.linePos(start);
        return `${name}:${line}:${col}`;
      }
    }
  }
  return sources[0]?.name ?? '';
}
