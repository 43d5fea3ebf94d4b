// A progress line and a full screen for terminals. In a pipe and on a dumb terminal (TERM=dumb) there is no progress, and the screens follow
// one another.
import { endWithReader, printNow, styledLines, visible } from '../base/index.ts';

/** The progress line appears only after this delay: if the task is shorter, there would be no time to read it. */
const AFTER_MS = 1_000;

/** Shows the progress of a long task in a single line on stderr. Each update overwrites the line, and `end` erases it. */
export function progress(): { update(text: string): void; end(): void } {
  const { stderr: stream } = process;
  if (!stream.isTTY || process.env.TERM === 'dumb') return { update: () => {}, end: () => {} };
  let text = '';
  let isShown = false;
  const write = () => stream.write(`\r\x1b[K${visible(text).slice(0, Math.max(10, (stream.columns || 80) - 1))}`);
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

/** Without a wrap at the margin, a line of wide characters cannot take two rows and scroll the first line away. */
const ALTERNATE = { on: '\x1b[?1049h\x1b[?25l\x1b[?7l', off: '\x1b[?7h\x1b[?25h\x1b[?1049l' } as const;

/**
 * Opens the terminal's alternate screen. Each screen is drawn over the last one, because clearing it first would flicker. Lines are cut to
 * the terminal's width, and the last row says how many there are below it. `end` restores the previous screen. In a pipe, or if `isPlain`
 * is set, screens are written one after another instead. All lines must come from `described`.
 */
export function fullScreen(isPlain: boolean): { show(lines: readonly string[]): void; end(): void } {
  const { stdout: stream } = process;
  endWithReader();
  if (isPlain || !stream.isTTY) return { show: printNow, end: () => {} };
  const restore = () => void stream.write(ALTERNATE.off);
  process.once('exit', restore);
  stream.write(ALTERNATE.on);
  return {
    show: (lines) => {
      const [rows, columns] = [stream.rows || 24, stream.columns || 80];
      const shown = fitting(styledLines(lines), rows - 1);
      stream.write(`\x1b[H${shown.map((line) => `${cut(line, columns)}\x1b[K\n`).join('')}\x1b[J`);
    },
    end: () => {
      process.off('exit', restore);
      restore();
    },
  };
}

function fitting(lines: readonly string[], rows: number): readonly string[] {
  return lines.length <= rows
    ? lines
    : [...lines.slice(0, rows - 1), `${lines.length - rows + 1} more lines, which need a higher terminal`];
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
