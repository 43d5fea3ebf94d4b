// The clock of a running robot without a connection is stepped. The problem is raised, and cleared when the clock is set back.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { claimDomain } from '../../scripts/lab/domain.ts';
import type { Status } from '../../src/status/index.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { rosUnavailable } from '../support/ros.ts';

const isNamed = ({ problems }: Status) => problems.some(({ code }) => code === 'clock_stepped');

it('reports a stepped clock until it is set back', {
  skip: rosUnavailable() || fakeClockMissing() || mosquittoUnavailable(),
  timeout: 300_000,
}, async (t) => {
  const domain = await claimDomain();
  t.after(() => domain.release());
  const bench = await Bench.start();
  t.after(() => bench.stop());
  await bench.broker.stop();
  const clock = new FakeClock(join(bench.stateDir, '..', 'clock'));
  bench.agent(clock.env());
  await bench.status((status) => !isNamed(status));
  clock.set(-3_600);
  const { problems } = await bench.status(isNamed);
  assert.match(problems.find(({ code }) => code === 'clock_stepped')?.text ?? '', /set back by 3(600|599|601) s while the agent ran/);
  clock.set(0);
  await bench.status((status) => !isNamed(status));
});
