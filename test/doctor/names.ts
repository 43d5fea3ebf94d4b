// The expectation of every test with one broken thing.
import assert from 'node:assert/strict';
import type { Diagnosis } from './fixtures.ts';

/** The cause is first and alone; the only other finding may be that no agent runs. */
export function names({ causes, code, checks }: Diagnosis, cause: string, observed: RegExp): void {
  assert.equal(causes[0]?.code, cause, JSON.stringify(checks, undefined, 1));
  assert.deepEqual(
    causes.slice(1).map((one) => one.code),
    causes.slice(1).some((one) => one.code === 'agent') ? ['agent'] : [],
  );
  assert.match(causes[0].observed, observed);
  assert.ok(causes[0].remedy, 'the finding has a remedy');
  assert.ok(causes[0].command, 'the finding has a command');
  assert.equal(code, 1);
}
