// The doctor's report for a person: causes first, each with its remedy and a command to type; consequences in one line.

import type { CheckResult } from '../doctor/index.ts';
import type { Paint } from './terminal.ts';

const MARKS = { error: '✗', warning: '!', unknown: '?', ok: '✓', skipped: '-' } as const;

/** @param all also shows each check that found nothing, with its observation. */
export function printed(results: readonly CheckResult[], paint: Paint, all: boolean): string {
  const open = results.filter(({ hidden_by: hidden }) => hidden === null);
  const lines: string[] = [];
  for (const one of open.filter(({ status }) => status === 'error' || status === 'warning' || status === 'unknown')) {
    const colour = one.status === 'error' ? 'red' : 'yellow';
    lines.push(`${paint(colour, `${MARKS[one.status]} ${one.title}`)}  [${one.code}]`, indented('', one.observed));
    if (one.remedy !== null) lines.push(indented('do: ', one.remedy));
    if (one.command !== null) lines.push(indented('$ ', one.command));
    const hidden = results.filter(({ hidden_by: by }) => by === one.code).map(({ code }) => code);
    if (hidden.length > 0) lines.push(paint('dim', indented('', `follows from it: ${hidden.join(', ')}`)));
    lines.push('');
  }
  const fine = open.filter(({ status }) => status === 'ok');
  const skipped = open.filter(({ status }) => status === 'skipped');
  if (all) {
    for (const one of [...fine, ...skipped]) {
      const mark = one.status === 'ok' ? paint('green', MARKS.ok) : MARKS.skipped;
      lines.push(`${mark} ${one.title}  [${one.code}]  ${paint('dim', `${one.observed} (${one.ms} ms)`)}`);
    }
  } else {
    lines.push(
      `${paint('green', `${MARKS.ok} ${fine.length} checks found nothing`)}${skipped.length > 0 ? `, ${skipped.length} did not apply` : ''} (--all shows them)`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function indented(mark: string, text: string): string {
  return text
    .split('\n')
    .map((line, i) => `    ${i === 0 ? mark : ' '.repeat(mark.length)}${line}`)
    .join('\n');
}
