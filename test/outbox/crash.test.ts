// Kills a process at every crash point of the outbox and of its repair. Each row that was reported as committed has to be held or accounted
// for, and the file has to pass every check of `verifyOutbox`.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CRASH_AT, OUTBOX_CRASH_POINTS } from '../../src/base/index.ts';
import { OutboxReader, verifyOutbox } from '../../src/outbox/index.ts';

const LIFE = fileURLToPath(new URL('crashLife.ts', import.meta.url));
const isInRepair = (point: string) => point.startsWith('salvage');

describe('an outbox whose process is killed', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-crash-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** @returns the lines that the process printed, and whether it was killed. */
  function live(at = '', ...mend: string[]) {
    const { stdout, stderr, signal, status } = spawnSync(process.execPath, ['--import', 'tsx', LIFE, folder, ...mend], {
      env: { ...process.env, [CRASH_AT]: at },
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.ok(signal === 'SIGKILL' || status === 0, stderr);
    return { killed: signal === 'SIGKILL', reported: stdout.trim().split('\n') };
  }

  function accountFor(reported: readonly string[]): void {
    const reader = OutboxReader.open(folder);
    try {
      assert.deepEqual(verifyOutbox(reader), []);
      const accepted = new Map(reader.outboxes().map((book) => [book.id, book.accepted]));
      for (const line of reported) {
        const [id = '', seq = '0'] = line.split(' ');
        if (id.startsWith('box-')) assert.ok((accepted.get(id) ?? 0) >= Number(seq), `${line} was committed`);
      }
    } finally {
      reader.close();
    }
  }

  for (const point of OUTBOX_CRASH_POINTS.filter((name) => !isInRepair(name))) {
    it(`accounts for every row after a kill at ${point}`, () => {
      const first = live(point);
      assert.ok(first.killed, 'the process passes the crash point');
      accountFor(first.reported);
      // The next process uses the same files and is killed when it passes the point for the fourth time.
      accountFor([...first.reported, ...live(`${point}:4`).reported]);
      const last = live();
      assert.match(String(last.reported.at(-1)), /^alive/);
      accountFor([...first.reported, ...last.reported]);
    });
  }

  for (const point of OUTBOX_CRASH_POINTS.filter(isInRepair)) {
    it(`repairs the damaged file at the next start after a kill at ${point}`, () => {
      const { reported } = live();
      const file = openSync(join(folder, 'outbox.db'), 'r+');
      // This breaks the root page of the acknowledgements. The other tables stay readable.
      writeSync(file, Buffer.alloc(8, 0xff), 0, 8, pageOf('publications'));
      closeSync(file);
      assert.ok(live(point, 'mend').killed, 'the process passes the crash point');
      assert.match(String(live('', 'mend').reported.at(-1)), /^alive/);
      accountFor(reported);
    });
  }

  function pageOf(table: string): number {
    const reader = OutboxReader.open(folder);
    try {
      const root = Number(reader.db.prepare('select rootpage from sqlite_schema where name = ?').pluck().get(table));
      return (root - 1) * 4096;
    } finally {
      reader.close();
    }
  }
});
