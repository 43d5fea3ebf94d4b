// Colours, a progress line and a full screen for terminals. Output is plain text in a pipe, on a dumb terminal (TERM=dumb), and, for
// colours, if NO_COLOR is set (no-color.org).
import type { WriteStream } from 'node:tty';
import { endWithReader } from '../base/index.ts';

const STYLES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** Adds colour codes to a text, or returns it unchanged if the output is plain. */
export type Paint = (style: keyof typeof STYLES, text: string) => string;

export function painter(stream: Pick<WriteStream, 'isTTY'> = process.stdout, env: NodeJS.ProcessEnv = process.env): Paint {
  const isPlain = !stream.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return isPlain ? (_, text) => text : (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/** The progress line appears only after this delay: if the task is shorter, there would be no time to read it. */
const AFTER_MS = 1_000;

/** Shows the progress of a long task in a single line on stderr. Each update overwrites the line, and `end` erases it. */
export function progress(): { update(text: string): void; end(): void } {
  const { stderr: stream } = process;
  if (!stream.isTTY || process.env.TERM === 'dumb') return { update: () => {}, end: () => {} };
  let text = '';
  let isShown = false;
  const write = () => stream.write(`\r\x1b[K${text.slice(0, Math.max(10, (stream.columns || 80) - 1))}`);
  const timer = setTimeout(() => {
    isShown = true;
    write();
  }, AFTER_MS);
  return {
    update: (next) => {
      text = next;
      if (isShown) write();
    },
    end: () => {
      clearTimeout(timer);
      if (isShown) stream.write('\r\x1b[K');
    },
  };
}

const ALTERNATE = { on: '\x1b[?1049h\x1b[?25l', off: '\x1b[?25h\x1b[?1049l' } as const;

/**
 * Opens the terminal's alternate screen. Each text is drawn over the last one, because clearing the screen first would flicker. Lines
 * are cut to the terminal's width. `end` restores the previous screen. In a pipe, or if `isPlain` is set, texts are written one after
 * another instead.
 */
export function fullScreen(isPlain: boolean): { show(text: string): void; end(): void } {
  const { stdout: stream } = process;
  endWithReader();
  if (isPlain || !stream.isTTY) return { show: (text) => void stream.write(text), end: () => {} };
  const restore = () => void stream.write(ALTERNATE.off);
  process.once('exit', restore);
  stream.write(ALTERNATE.on);
  return {
    show: (text) => {
      const [rows, columns] = [stream.rows || 24, stream.columns || 80];
      const lines = text
        .trimEnd()
        .split('\n')
        .slice(0, rows - 1);
      stream.write(`\x1b[H${lines.map((line) => `${cut(line, columns)}\x1b[K\n`).join('')}\x1b[J`);
    },
    end: () => {
      process.off('exit', restore);
      restore();
    },
  };
}

/** Cuts a line to this many columns, but keeps all its colour codes, which take up no space. */
function cut(line: string, columns: number): string {
  let left = columns;
  const take = (text: string) => {
    const kept = [...text].slice(0, left).join('');
    left -= [...kept].length;
    return kept;
  };
  const [first = '', ...styled] = line.split('\x1b');
  const rest = styled.map((part) => {
    const end = part.indexOf('m') + 1;
    return `\x1b${part.slice(0, end)}${take(part.slice(end))}`;
  });
  return take(first) + rest.join('');
}
