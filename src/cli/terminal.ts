// Colour and progress, only where a person looks on: never in a pipe, never with NO_COLOR (no-color.org), never on a dumb terminal.
import type { WriteStream } from 'node:tty';

const STYLES = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 } as const;
export type Style = keyof typeof STYLES;

/** Puts text in colour, or gives it back as it is. */
export type Paint = (style: Style, text: string) => string;

type Terminal = Pick<WriteStream, 'isTTY'>;

export function painter(stream: Terminal = process.stdout, env: NodeJS.ProcessEnv = process.env): Paint {
  const isPlain = !stream.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return isPlain ? (_, text) => text : (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

export interface Progress {
  say(text: string): void;
  /** Takes the line away again. */
  end(): void;
}

/** What takes less is done before a line could be read. */
const AFTER_MS = 1_000;

/** One line on stderr that is written over, for what takes over a second. */
export function progress(stream: WriteStream = process.stderr, env: NodeJS.ProcessEnv = process.env): Progress {
  if (!stream.isTTY || env.TERM === 'dumb') return { say: () => {}, end: () => {} };
  let text = '';
  let isShown = false;
  const write = () => stream.write(`\r\x1b[K${text.slice(0, Math.max(10, (stream.columns || 80) - 1))}`);
  const timer = setTimeout(() => {
    isShown = true;
    write();
  }, AFTER_MS);
  return {
    say: (next) => {
      text = next;
      if (isShown) write();
    },
    end: () => {
      clearTimeout(timer);
      if (isShown) stream.write('\r\x1b[K');
    },
  };
}

export interface Screen {
  show(text: string): void;
  /** Gives the terminal back as it was. */
  end(): void;
}

const ALTERNATE = { on: '\x1b[?1049h\x1b[?25l', off: '\x1b[?25h\x1b[?1049l' } as const;

/**
 * A screen of its own over what was there, written over in place so that nothing flickers; lines that do not fit are cut. In a pipe,
 * or where `plain`, each text simply follows the last.
 */
export function fullScreen(plain: boolean, stream: WriteStream = process.stdout): Screen {
  if (plain || !stream.isTTY) return { show: (text) => void stream.write(text), end: () => {} };
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

/** To so many columns; colours take none. */
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
