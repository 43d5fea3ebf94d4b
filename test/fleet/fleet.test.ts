// The small variant of `npm run fleet`: two instances on a real Mosquitto and PostgreSQL, one of them killed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../support/commandLine.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { postgresUnavailable } from '../support/postgres.ts';
import { readOptions } from './options.ts';
import { runFleet } from './run.ts';

const skip = mosquittoUnavailable() || postgresUnavailable();

test('200 robots lose and double nothing when one of two instances is killed', { skip, timeout: 600_000 }, async (t) => {
  const { verdict, failures, figures } = await runFleet({ robots: 200, minutes: 6, readings: 6, speed: 15 }, (text) => t.diagnostic(text));
  assert.deepEqual(failures, []);
  assert.equal(verdict.alerts, 200);
  assert.ok(verdict.accepted > 7_000, `${verdict.accepted} rows`);
  assert.ok(Number(figures.receipts) >= 200, `${figures.receipts} receipts`);
});

for (const [args, problem] of [
  [['--robots', '0'], /--robots 0: expected a whole number of at least 1/],
  [['--minutes', '3'], /--minutes 3: expected a whole number of at least 4/],
  [['--readings', '1001'], /--readings 1001: expected a whole number of at most 1000/],
  [['--speed', 'fast'], /--speed fast: expected/],
  [['--runs', '3'], /--runs/],
  [['ten'], /unknown argument "ten"/],
] as const) {
  test(`${args.join(' ')} is refused with what is expected`, () => {
    assert.throws(
      () => readOptions(args),
      (error) => error instanceof UsageError && problem.test(error.message),
    );
  });
}
