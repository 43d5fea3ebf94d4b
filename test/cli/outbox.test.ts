// Tests `elderly-bot outbox` on a file that another process has open for writing.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

describe('elderly-bot outbox during writes', () => {
  let bench: OutboxBench;
  let config: string;

  before(() => {
    bench = outboxBench();
    config = join(bench.folder, 'robot.yaml');
    writeFileSync(config, `state_dir: ${bench.folder}\n`);
    const { outbox } = bench;
    outbox.append({ class: 'alert', channel: 'gas', value: true, extra: { alert: 'raised' } });
    for (let battery = 1; battery <= 2_500; battery++) outbox.append({ class: 'telemetry', channel: 'battery', value: battery });
    outbox.append({ class: 'event', body: { kind: 'evicted', of: 'box-0', ranges: [[1, 2]], reason: 'age' } });
    outbox.flush();
    const claim = outbox.claim('alert', { maxRows: 10, maxBytes: 10_000 });
    assert.ok(claim);
    outbox.published(claim);
    outbox.flush();
  });

  after(() => bench.remove());

  const run = (args: readonly string[], file = config) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const child = [join(ROOT, 'dist/cli/main.js'), 'outbox', ...args, '--config', file];
      execFile(process.execPath, child, { maxBuffer: 16e6 }, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }));
    });

  it('stats counts rows by class and state, and by outbox', async () => {
    const { code, out } = await run(['stats', '--json']);
    assert.equal(code, 0);
    const { classes, outboxes, file_bytes: bytes } = JSON.parse(out);
    assert.equal(classes.alert.sent, 1);
    assert.equal(classes.telemetry.pending, 2_500);
    assert.equal(classes.event.pending, 1);
    assert.deepEqual(outboxes, [{ id: 'box-1', accepted: 2_502, covered: 0, evicted: 0, outstanding: 2_502 }]);
    assert.ok(bytes > 0);
    assert.match((await run(['stats'])).out, /telemetry {2}2500 pending, 0 sent/);
  });

  it('ls lists rows of all classes oldest first, reads many pages, and filters', async () => {
    const all = (await run(['ls', '--json', '--limit', '5000'])).out.trim().split('\n');
    assert.deepEqual(
      all.map((line) => JSON.parse(line).seq),
      Array.from({ length: 2_502 }, (_, i) => i + 1),
    );
    const few = await run(['ls', '--class', 'telemetry', '--after', '2000', '--limit', '2']);
    assert.match(few.out, /^box-1 {5}2001 telemetry pending .* battery 2000\n.* battery 2001\n$/);
    assert.match(few.err, /showed 2 rows, there are more/);
    assert.match((await run(['ls', '--state', 'sent'])).out, /^box-1 {8}1 alert {5}sent .* gas true,\{"alert":"raised"\}\n$/);
  });

  it('show prints a row, and explains a number without a row', async () => {
    assert.match((await run(['show', '1'])).out, /row 1 of outbox box-1: alert of channel gas, sent/);
    const missing = await run(['show', '9999']);
    assert.equal(missing.code, 2);
    assert.match(missing.err, /the file has no row 9999 \(box-1 assigned 1 to 2502\).*\[ROW_NOT_HELD\]\n$/);
    assert.match((await run(['show'])).err, /outbox show needs the number of a row/);
  });

  it('export prints the readings as JSON lines', async () => {
    const lines = (await run(['export'])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(lines.length, 2_501);
    const { at, mono, ...first } = lines[0];
    assert.deepEqual(first, { outbox: 'box-1', seq: 1, class: 'alert', channel: 'gas', value: true, alert: 'raised' });
    assert.equal(typeof at, 'number');
    assert.equal(mono, 0);
  });

  it('verify finds nothing in a correct file, and each violated rule in a damaged one', async () => {
    assert.deepEqual(await run(['verify']), { code: 0, out: 'ok: all pages and all numbers are correct\n', err: '' });
    const broken = outboxBench();
    try {
      broken.outbox.append({ class: 'telemetry', channel: 'battery', value: 1 });
      broken.outbox.append({ class: 'telemetry', channel: 'battery', value: 2 });
      broken.outbox.flush();
      broken.db.exec(`delete from rows where seq = 1; insert into publications values (3, 1, 5, 9, 0, 1)`);
      const file = join(broken.folder, 'robot.yaml');
      writeFileSync(file, `state_dir: ${broken.folder}\n`);
      const { code, out } = await run(['verify'], file);
      assert.equal(code, 1);
      assert.match(out, /tally: telemetry counts 1 rows too many/);
      assert.match(out, /box-1: 1 rows from number 1 are neither held, nor covered, nor evicted/);
      assert.match(out, /box-1: 1 acknowledgements name rows that never existed/);
    } finally {
      broken.remove();
    }
  });

  it('reports a truncated copy of the file: verify as a finding, the others as one line', async () => {
    const stateDir = join(bench.folder, 'truncated');
    mkdirSync(stateDir);
    const file = join(bench.folder, 'truncated.yaml');
    writeFileSync(file, `state_dir: ${stateDir}\n`);
    bench.db.pragma('wal_checkpoint(TRUNCATE)');
    const copy = join(stateDir, 'outbox.db');
    copyFileSync(join(bench.folder, 'outbox.db'), copy);
    // With half of its pages the file still opens, but not with six.
    for (const size of [Math.floor(statSync(copy).size / 2), 6 * 4096]) {
      truncateSync(copy, size);
      const { code, out, err } = await run(['verify'], file);
      assert.deepEqual([code, err], [1, '']);
      assert.match(out, /^pages: .+/);
      for (const args of [['stats'], ['ls', '--limit', '5000'], ['show', '9999'], ['export']]) {
        const read = await run(args, file);
        assert.equal(read.code, 2, args[0]);
        assert.match(read.err, /^elderly-bot: .*outbox\.db can't be read: .*; .*repairs a damaged file.*\[OUTBOX_UNREADABLE\]\n$/, args[0]);
      }
    }
  });

  it('prints a remedy for a missing outbox, a file that is not a database, and a newer version', async () => {
    const file = join(bench.folder, 'other.yaml');
    const stateDir = join(bench.folder, 'other');
    mkdirSync(stateDir);
    writeFileSync(file, `state_dir: ${stateDir}\n`);
    const missing = await run(['stats'], file);
    assert.equal(missing.code, 2);
    assert.match(missing.err, /there is no outbox in state_dir .*; run this as the agent.*\[OUTBOX_MISSING\]\n$/);
    writeFileSync(
      join(stateDir, 'outbox.db'),
      'this is not a database, but it is long enough for SQLite to read it as one before it finds the fault',
    );
    assert.match((await run(['verify'], file)).err, /can't be read: file is not a database.*\[OUTBOX_UNREADABLE\]\n$/);
    const newer = outboxBench();
    try {
      newer.db.pragma('user_version = 99');
      const newerConfig = join(newer.folder, 'robot.yaml');
      writeFileSync(newerConfig, `state_dir: ${newer.folder}\n`);
      assert.match((await run(['ls'], newerConfig)).err, /written by a newer elderly-bot \(version 99.*\[OUTBOX_NEWER\]\n$/);
    } finally {
      newer.remove();
    }
  });
});
