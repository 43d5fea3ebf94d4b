// Tests the agent's reports about its runs: the end of the previous run, the rows left at the end, the battery and the health.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { Battery, isLow } from '../../src/agent/health/watches.ts';
import { appendLastWords, healthProbe, lastEnding, reportEnding, thisRun } from '../../src/agent/lifecycle/run.ts';
import { SimulatedRos } from '../../src/ros/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { Problems, type Status } from '../../src/status/index.ts';
import { outboxBench } from '../support/outbox.ts';

const INVOCATION = '0123456789abcdef0123456789abcdef';
const limits = { maxRows: 10, maxBytes: 10_000 };

describe('the end of the previous run', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-life-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const start = (env: NodeJS.ProcessEnv) => {
    const run = thisRun(env);
    const lifetime = Lifetime.begin(folder, run);
    return { lifetime, ending: lastEnding(folder, lifetime, run, false) };
  };

  it('is unknown in the first run; later it is the exit that systemd observed, or else the recorded reason', () => {
    const env = { ELDERLY_BOT_BOOT_ID: 'a', INVOCATION_ID: INVOCATION };
    assert.equal(start(env).ending, undefined);
    writeFileSync(join(folder, 'last-exit'), `${INVOCATION} watchdog ABRT\n`);
    assert.equal(start({ ...env, INVOCATION_ID: 'f'.repeat(32) }).ending?.cause, 'watchdog');
    assert.ok(!existsSync(join(folder, 'last-exit')));
    const third = start(env);
    assert.equal(third.ending?.cause, 'crash');
    third.lifetime.end(5, 'asked');
    assert.equal(start({ ...env, ELDERLY_BOT_BOOT_ID: 'b' }).ending?.cause, 'clean');
    assert.equal(start({ ...env, ELDERLY_BOT_BOOT_ID: 'c' }).ending?.cause, 'power');
  });

  it('is reported as an event, and as a problem if it was unexpected', () => {
    const bench = outboxBench();
    const problems = new Problems(
      () => 0,
      () => {},
    );
    const parts = { outbox: bench.outbox, problems, log: pino({ level: 'silent' }) };
    reportEnding({ cause: 'clean', text: 'it was stopped' }, parts);
    assert.deepEqual(problems.standing(), []);
    reportEnding({ cause: 'power', text: 'no power' }, parts);
    bench.outbox.flush();
    const bodies = bench.outbox.claim('event', limits)?.rows.map(({ body }) => body);
    assert.deepEqual(bodies?.at(-1), '"kind":"restarted","cause":"power","text":"no power"');
    assert.deepEqual(
      problems.standing().map(({ code }) => code),
      ['ended_unasked'],
    );
    bench.remove();
  });
});

describe('the event last_words', () => {
  it('contains the number and age of queued rows, and is not appended for an empty queue', () => {
    const bench = outboxBench();
    appendLastWords('stopped', bench.outbox);
    bench.outbox.flush();
    assert.equal(bench.outbox.claim('event', limits), undefined);
    const at = bench.clock.wall();
    bench.outbox.append({ class: 'telemetry', channel: 'battery', value: 9 });
    bench.clock.advance(1_000);
    bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
    bench.outbox.flush();
    appendLastWords('battery', bench.outbox);
    bench.outbox.flush();
    const [row] = bench.outbox.claim('event', limits)?.rows ?? [];
    assert.equal(row?.body, `"kind":"last_words","cause":"battery","queued":2,"oldest_at":${at}`);
    bench.remove();
  });

  it('is appended once for a battery near the limit; an unknown value changes nothing', () => {
    let low = false;
    const reported: unknown[] = [];
    for (const percent of [50, 9, 12, 14, 9, undefined, 15, 14, 9]) {
      const wasLow = low;
      low = isLow(percent, 10, wasLow);
      if (low && !wasLow) reported.push(percent);
    }
    assert.deepEqual(reported, [9, 9]);
  });
});

describe('the state of the battery', () => {
  it('is the last value with its time; it is undefined without a value or a limit', () => {
    const bench = outboxBench();
    const { outbox, clock } = bench;
    let latestValue: { value: unknown; ageMs: number } | undefined;
    const channels = { latestValue: (name: string) => (name === 'battery' ? latestValue : undefined) };
    const battery = new Battery({ channels, outbox, clock, lowBelow: 10 });
    assert.equal(battery.check(), undefined);
    latestValue = { value: 50, ageMs: 2_000 };
    const full = { battery: 50, low: false, at: clock.wall() - 2_000 };
    assert.deepEqual(battery.check(), full);
    assert.equal(new Battery({ channels, outbox, clock, lowBelow: null }).check(), undefined);
    latestValue = { value: null, ageMs: 0 };
    assert.deepEqual(battery.check(), full);
    for (const [percent, low] of [
      [9, true],
      [14, true],
      [15, false],
      [10, false],
    ] as const) {
      latestValue = { value: percent, ageMs: 0 };
      assert.deepEqual(battery.check(), { battery: percent, low, at: clock.wall() });
    }
    bench.remove();
  });
});

describe('the health probe', () => {
  it('reports a database that has refused writes for too long', async () => {
    const bench = outboxBench();
    const ros = new SimulatedRos();
    const probe = healthProbe({ ros, outbox: bench.outbox, status: () => ({}) as Status });
    assert.equal(await probe.ask(), undefined);
    bench.db.exec('drop table tally');
    bench.outbox.append({ class: 'alert', channel: 'fall', value: true });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await probe.ask(), undefined);
    bench.clock.advance(121_000);
    assert.match(String(await probe.ask()), /refused every write for 121 s/);
    await ros.stop();
    bench.db.close();
    rmSync(bench.folder, { recursive: true });
  });
});
