// kill -9 at every named step of a row's life and of a mended file: what was said to be committed is there or accounted for, and the
// file keeps every rule of the queue.
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
const isOfMending = (point: string) => point.startsWith('salvage');

describe('an outbox whose process is killed', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-crash-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** @returns what it said, and whether it was killed. */
  function live(at = '', ...mend: string[]) {
    const { stdout, stderr, signal, status } = spawnSync(process.execPath, ['--import', 'tsx', LIFE, folder, ...mend], {
      env: { ...process.env, [CRASH_AT]: at },
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.ok(signal === 'SIGKILL' || status === 0, stderr);
    return { killed: signal === 'SIGKILL', said: stdout.trim().split('\n') };
  }

  function accountFor(said: readonly string[]): void {
    const reader = OutboxReader.open(folder);
    try {
      assert.deepEqual(verifyOutbox(reader), []);
      const accepted = new Map(reader.outboxes().map((book) => [book.id, book.accepted]));
      for (const line of said) {
        const [id = '', seq = '0'] = line.split(' ');
        if (id.startsWith('box-')) assert.ok((accepted.get(id) ?? 0) >= Number(seq), `${line} was committed`);
      }
    } finally {
      reader.close();
    }
  }

  for (const point of OUTBOX_CRASH_POINTS.filter((name) => !isOfMending(name))) {
    it(`at ${point}`, () => {
      const first = live(point);
      assert.ok(first.killed, 'the point is passed');
      accountFor(first.said);
      // Later in life too, where it is passed again, and with what the first left behind.
      accountFor([...first.said, ...live(`${point}:4`).said]);
      const last = live();
      assert.match(String(last.said.at(-1)), /^alive/);
      accountFor([...first.said, ...last.said]);
    });
  }

  for (const point of OUTBOX_CRASH_POINTS.filter(isOfMending)) {
    it(`at ${point}: the damaged file is mended by the next start`, () => {
      const { said } = live();
      const file = openSync(join(folder, 'outbox.db'), 'r+');
      // The root page of the acknowledgements: what stands in the other tables can be read.
      writeSync(file, Buffer.alloc(8, 0xff), 0, 8, pageOf('publications'));
      closeSync(file);
      assert.ok(live(point, 'mend').killed, 'the point is passed');
      assert.match(String(live('', 'mend').said.at(-1)), /^alive/);
      accountFor(said);
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
