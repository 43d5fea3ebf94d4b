// What every test of one broken thing expects of the doctor.
import assert from 'node:assert/strict';
import type { Diagnosis } from './fixtures.ts';

/** The one cause, first and alone: what else is told can only be that no agent runs here. */
export function names({ told, code, checks }: Diagnosis, cause: string, observed: RegExp): void {
  assert.equal(told[0]?.code, cause, JSON.stringify(checks, undefined, 1));
  assert.deepEqual(
    told.slice(1).map((one) => one.code),
    told.slice(1).some((one) => one.code === 'agent') ? ['agent'] : [],
  );
  assert.match(told[0].observed, observed);
  assert.ok(told[0].remedy, 'it says what to do');
  assert.ok(told[0].command, 'it says what to type');
  assert.equal(code, 1);
}
