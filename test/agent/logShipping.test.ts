// Tests the time of the log uploads after alerts, with a manual clock.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { LogShipping } from '../../src/agent/uploads/logShipping.ts';
import { type Config, loadConfig } from '../../src/config/index.ts';
import { createLog, LogFile } from '../../src/logs/index.ts';
import { type NewRow, Notes } from '../../src/outbox/index.ts';
import type { NewUpload } from '../../src/uploads/index.ts';
import { type OutboxBench, outboxBench, storageAt } from '../support/outbox.ts';

const MINUTE_MS = 60_000;

describe('the log after an alert', () => {
  let bench: OutboxBench;
  let file: LogFile;
  let shipping: LogShipping;
  let sent: NewUpload[];
  let config: Config;

  const row = (alert: 'raised' | 'cleared'): NewRow => ({
    class: 'alert',
    channel: 'fall',
    value: true,
    extra: { alert, incident: 'incident-1' },
  });
  const pass = async (ms: number) => {
    bench.clock.advance(ms);
    mock.timers.tick(ms);
    await shipping.stop();
  };

  beforeEach(() => {
    bench = outboxBench();
    [sent, file, config] = [[], new LogFile(), { ...loadConfig(undefined, {}).config, state_dir: bench.folder }];
    file.open({ folder: join(bench.folder, 'logs'), maxBytes: 1024 ** 2, maxAgeMs: 60 * MINUTE_MS, nowMs: () => Date.now() });
    shipping = new LogShipping({
      config: () => config,
      storage: storageAt(bench.folder),
      logFile: file,
      uploads: {
        add: async (upload, within) => {
          within?.();
          return sent.push(upload) > 0;
        },
      },
      notes: new Notes(bench.db),
      clock: bench.clock,
      log: createLog('silent'),
    });
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(async () => {
    mock.timers.reset();
    await file.close();
    bench.remove();
  });

  it('is uploaded one minute later with the lines of that minute, and at most once in ten minutes', async () => {
    file.write('{"before":1}\n');
    shipping.onRow(row('raised'));
    for (let n = 0; n < 100; n++) shipping.onRow(row('raised'));
    bench.clock.advance(MINUTE_MS - 1);
    mock.timers.tick(MINUTE_MS - 1);
    assert.equal(sent.length, 0);
    file.write('{"after":1}\n');
    await pass(1);
    assert.deepEqual(
      sent.map(({ bytes }) => gunzipSync(bytes).toString()),
      ['{"before":1}\n{"after":1}\n'],
    );
    file.write('{"later":1}\n');
    shipping.onRow(row('raised'));
    bench.clock.advance(9 * MINUTE_MS);
    mock.timers.tick(9 * MINUTE_MS);
    assert.equal(sent.length, 1);
    await pass(MINUTE_MS);
    assert.deepEqual(
      sent.slice(1).map(({ bytes }) => gunzipSync(bytes).toString()),
      ['{"later":1}\n'],
    );
  });

  it('is not uploaded for a cleared alert or without logs.ship_on_alert', async () => {
    file.write('{"before":1}\n');
    shipping.onRow(row('cleared'));
    config = { ...config, logs: { ...config.logs, ship_on_alert: false } };
    shipping.onRow(row('raised'));
    await pass(20 * MINUTE_MS);
    assert.deepEqual(sent, []);
  });
});
