// One file of the configuration: its content, and the position of each key.
import { readFileSync } from 'node:fs';
import { type Document, isMap, isNode, LineCounter, parseDocument } from 'yaml';
import { codeOf } from '../base/index.ts';
import { AgentError } from '../errors.ts';

export interface Source {
  readonly name: string;
  readonly lines: LineCounter;
  readonly document: Document;
}

function refuse(error: AgentError): void {
  throw error;
}

/**
 * @param onSyntaxError is called with invalid YAML. If it does not throw, the document has whatever could be parsed.
 * @throws AgentError CONFIG_NOT_FOUND, CONFIG_SYNTAX
 */
export function readSource(name: string, onSyntaxError: (error: AgentError) => void = refuse): Source {
  let text: string;
  try {
    text = readFileSync(name, 'utf8');
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(error)})`;
    throw new AgentError('CONFIG_NOT_FOUND', `configuration ${name}: ${why}`, {
      remedy: 'give an existing file with --config FILE',
      cause: error,
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    const text = `${name}:${line}:${col}: ${problem.message}`;
    onSyntaxError(
      new AgentError('CONFIG_SYNTAX', text, { remedy: 'the file must be YAML: indent with spaces, close quotes and brackets' }),
    );
  }
  if (document.contents !== null && !isMap(document.contents)) {
    onSyntaxError(
      new AgentError('CONFIG_SYNTAX', `${name}:1:1: expected keys and values`, { remedy: 'start from config/robot.example.yaml' }),
    );
  }
  return { name, lines, document };
}

/** Position of a key as `file:line:column`, in the highest layer that has it, or else of its nearest parent. */
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
