import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { IncompleteStop, ShutdownStack } from '../../src/agent/lifecycle/shutdown.ts';
import { outboxBench } from '../support/outbox.ts';

const never = () => new Promise<void>(() => {});

describe('the steps of a stop', () => {
  const run = async (deadlineMs: number, ...steps: [name: string, undo: () => void | Promise<void>, atMostMs?: number][]) => {
    const ran: string[] = [];
    const shutdown = new ShutdownStack(pino({ level: 'silent' }));
    for (const [name, undo, atMostMs] of steps) {
      const step = () => {
        ran.push(name);
        return undo();
      };
      shutdown.add(name, step, atMostMs);
    }
    const startedMs = performance.now();
    const error: unknown = await shutdown.undo(deadlineMs).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { ran, error, tookMs: performance.now() - startedMs, hasFailed: shutdown.hasFailed };
  };

  it('all run, the last started first, although some of them fail', async () => {
    const { ran, error, hasFailed } = await run(
      5_000,
      ['lock', () => {}],
      ['database', () => Promise.reject(new Error('it was closed before'))],
      [
        'outbox',
        () => {
          throw new Error('no space');
        },
      ],
    );
    assert.deepEqual(ran, ['outbox', 'database', 'lock']);
    assert.ok(error instanceof IncompleteStop);
    assert.match(error.message, /^outbox: no space; database: it was closed before$/);
    assert.ok(hasFailed);
  });

  it('end at the deadline although one never ends, and the others still run', async () => {
    const { ran, error, tookMs } = await run(300, ['lock', () => {}], ['cameras', never], ['uplink', never, Number.POSITIVE_INFINITY]);
    assert.deepEqual(ran, ['uplink', 'cameras', 'lock']);
    assert.ok(tookMs >= 299, `${tookMs} ms`);
    assert.match(String(error), /uplink: it did not end within 0\.3 s; cameras: it did not end within 0\.1 s/);
  });

  it('leave time to the others: one that never ends is given up after its own limit', async () => {
    const { error } = await run(600_000, ['lock', () => {}], ['cameras', never, 50]);
    assert.match(String(error), /cameras: it did not end within 0\.1 s/);
  });

  it('wait for none that has ended', async () => {
    const { tookMs, error } = await run(600_000, ['cameras', () => new Promise((resolve) => setImmediate(resolve))]);
    assert.equal(error, undefined);
    assert.ok(tookMs < 60_000);
  });
});

describe('a database that is closed early', () => {
  it('fails the outbox’s part of the stop and no other call', async () => {
    const bench = outboxBench();
    bench.outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
    bench.outbox.append({ class: 'telemetry', channel: 'gas', value: 1 });
    bench.db.close();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(bench.outbox.claim('alert', { maxRows: 1, maxBytes: 1 }), undefined);
    assert.equal(bench.outbox.hasFree('telemetry'), false);
    assert.match(String(bench.troubles.at(-1)), /database connection is not open/);
    assert.throws(() => bench.outbox.flush(), /not open/);
    assert.equal(bench.outbox.unwritten.length, 2);
    bench.remove();
  });
});
