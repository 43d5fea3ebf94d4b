import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lostFiles } from '../../src/agent/storage/lostFiles.ts';
import { ReturnPace } from '../../src/agent/storage/returnPace.ts';
import { failureOf } from '../../src/agent/storage/watch.ts';

const works = { error: undefined, isFull: false };
const full = { error: 'ENOSPC: no space left on device', isFull: true };
const readOnly = { error: 'EROFS: read-only file system', isFull: false };

describe('commits that fail for three seconds', () => {
  it('count as a failure if the disk cannot be written', () => {
    assert.equal(failureOf({ code: 'SQLITE_IOERR_WRITE', alertWaits: false }, readOnly), readOnly.error);
  });

  it('do not count on a full disk or in a full file, unless an alert waits', () => {
    assert.equal(failureOf({ code: 'SQLITE_IOERR_WRITE', alertWaits: false }, full), undefined);
    assert.equal(failureOf({ code: 'SQLITE_FULL', alertWaits: false }, works), undefined);
    assert.equal(failureOf({ code: 'SQLITE_FULL', alertWaits: true }, full), full.error);
    assert.match(failureOf({ code: 'SQLITE_FULL', alertWaits: true }, works) ?? '', /SQLITE_FULL/);
  });

  it('count as a failure if only the outbox file cannot be written', () => {
    assert.match(failureOf({ code: 'SQLITE_BUSY', alertWaits: false }, works) ?? '', /SQLITE_BUSY/);
  });
});

describe('the way back to a failed disk', () => {
  it('takes a minute, then twice as long each time up to an hour, and a minute again after a long rest', () => {
    const pace = new ReturnPace();
    const waits = Array.from({ length: 8 }, (_, n) => {
      pace.failed(n * 1_000);
      return pace.waitMs / 60_000;
    });
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    pace.failed(10 * 3_600_000);
    assert.equal(pace.waitMs, 60_000);
  });
});

describe('files under the agent', () => {
  const before = new Map([
    ['.', '1:2'],
    ['outbox.db', '1:3'],
    ['outbox.db-wal', undefined],
  ]);

  it('are lost if they are gone or others, but not if a WAL appears', () => {
    assert.deepEqual(lostFiles(before, new Map([...before, ['outbox.db-wal', '1:4']])), []);
    assert.deepEqual(lostFiles(before, new Map([...before, ['outbox.db', '1:9']])), ['outbox.db']);
    assert.deepEqual(lostFiles(before, new Map([...before, ['outbox.db', undefined]])), ['outbox.db']);
  });

  it('are not lost if the disk does not say', () => {
    assert.deepEqual(lostFiles(before, new Map([['.', '1:2']])), []);
  });
});
