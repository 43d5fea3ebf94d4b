// `elderly-bot doctor`: runs all checks and prints their findings, root causes first, each with its remedy and a command to run.
import { exitCodeOf, type Paint, present } from '../base/index.ts';
import type { Remap } from '../config/index.ts';
import { type CheckResult, checksFor, examine } from '../doctor/index.ts';
import { progress } from './terminal.ts';

/** @returns the exit code: 0, 1 if there are problems, or 2 if a check failed to run. */
export async function doctor(file: string | undefined, remap: Remap, json: boolean, all: boolean): Promise<number> {
  const line = progress();
  line.update('asking the agent');
  const checks = await checksFor(file, remap);
  line.update(`running ${checks.length} checks`);
  const results = await examine(checks, (left) => line.update(`${checks.length} checks, ${left} still running`));
  line.end();
  await present({ checks: results }, json, ({ checks: found }, paint) => describeResults(found, paint, all), Number.POSITIVE_INFINITY);
  return exitCodeOf(results);
}

const MARKS = { error: '✗', warning: '!', unknown: '?', ok: '✓', skipped: '-' } as const;

/** @param all whether to also list the checks that found nothing or did not apply. */
function describeResults(results: readonly CheckResult[], paint: Paint, all: boolean): string[] {
  const open = results.filter(({ hidden_by: hidden }) => hidden === null);
  const fine = open.filter(({ status }) => status === 'ok');
  const skipped = open.filter(({ status }) => status === 'skipped');
  const lines = open.flatMap(({ status, title, code, observed, remedy, command }) => {
    if (status === 'ok' || status === 'skipped') return [];
    const consequences = results.filter(({ hidden_by: cause }) => cause === code).map((hidden) => hidden.code);
    return [
      `${paint(status === 'error' ? 'red' : 'yellow', `${MARKS[status]} ${title}`)}  [${code}]`,
      `    ${observed}`,
      ...(remedy === null ? [] : [`    remedy: ${remedy}`]),
      ...(command === null ? [] : [`    $ ${command}`]),
      ...(consequences.length === 0 ? [] : [paint('dim', `    consequences: ${consequences.join(', ')}`)]),
      '',
    ];
  });
  if (!all) {
    const others = skipped.length > 0 ? `, ${skipped.length} did not apply` : '';
    return [...lines, `${paint('green', `${MARKS.ok} ${fine.length} checks found nothing`)}${others} (--all shows them)`];
  }
  const rest = [...fine, ...skipped].map(({ status, title, code, observed, ms }) => {
    const mark = status === 'ok' ? paint('green', MARKS.ok) : MARKS[status];
    return `${mark} ${title}  [${code}]  ${paint('dim', `${observed} (${ms} ms)`)}`;
  });
  return [...lines, ...rest];
}
