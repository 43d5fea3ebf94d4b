// Writes to the terminal, for all commands of robot and cloud. Whatever a line quotes, the terminal shows it on one line and obeys none of
// it: a line break or an escape sequence in it is shown as `\n` or `\u001b`. The linter refuses process.stdout and process.stderr elsewhere.
import { once } from 'node:events';
import type { WriteStream } from 'node:tty';
import { redactText } from './redact.ts';
import { visibleData, withoutHidden } from './visible.ts';

/** One line, or several. A line has no line break. */
export type Lines = string | readonly string[];

const STYLES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
/** The escape sequences of `Paint`. */
const STYLE = new RegExp(String.raw`(\x1b\[(?:0|${Object.values(STYLES).join('|')})m)`);

/** Adds colour codes to a text, or returns it unchanged if the output is plain. */
export type Paint = (style: keyof typeof STYLES, text: string) => string;

/** Output is plain in a pipe, on a dumb terminal (TERM=dumb), and if NO_COLOR is set (no-color.org). */
export function painter(stream: Pick<WriteStream, 'isTTY'> = process.stdout, env: NodeJS.ProcessEnv = process.env): Paint {
  const isPlain = !stream.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return isPlain ? (_, text) => text : (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/** @returns lines that a terminal only shows. The colours of `Paint` are kept. */
export function styledLines(lines: Lines): string[] {
  return [lines].flat().map((line) =>
    line
      .split(STYLE)
      .map((part) => (STYLE.test(part) ? part : withoutHidden(part)))
      .join(''),
  );
}

/**
 * Renders what a command has found, from any source: all texts in it become visible and bounded before `describe` composes lines from them,
 * so that none of them can bring a colour or a line break of its own.
 * @param longest the limit in characters for each text.
 */
export function described<T>(found: T, describe: (found: T, paint: Paint) => Lines, longest?: number): string[] {
  return styledLines(describe(visibleData(found, longest), painter()));
}

/** Prints what a command has found as a line of JSON for programs, or as lines for people: see `described`. */
export function present<T>(found: T, json: boolean, describe: (found: T, paint: Paint) => Lines, longest?: number): Promise<void> {
  return json ? print(JSON.stringify(found)) : flushed(described(found, describe, longest));
}

/** Writes lines to stdout. Waits if the reader of a pipe is slow, and exits with 0 if it has closed the pipe (EPIPE), as `head` does. */
export function print(lines: Lines): Promise<void> {
  return flushed(plainLines(lines));
}

/** Writes lines to stdout without waiting, for callbacks. */
export function printNow(lines: Lines): void {
  endWithReader();
  process.stdout.write(textOf(plainLines(lines)));
}

/** Writes lines to stderr, for errors and remarks, without secrets that they quote. */
export function printError(lines: Lines): void {
  process.stderr.write(textOf(plainLines(lines).map(redactText)));
}

let isWatched = false;

/** Makes the process end with 0 if the reader of stdout, such as `head`, closes the pipe (EPIPE). */
export function endWithReader(): void {
  if (!isWatched) process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));
  isWatched = true;
}

/** The width of the terminal, or of a page if stdout is no terminal. */
export function terminalColumns(): number {
  return process.stdout.columns ?? 100;
}

async function flushed(lines: readonly string[]): Promise<void> {
  endWithReader();
  if (!process.stdout.write(textOf(lines))) await once(process.stdout, 'drain');
}

function plainLines(lines: Lines): string[] {
  return [lines].flat().map(withoutHidden);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
