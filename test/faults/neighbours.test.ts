import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { HARMS } from './neighbours/hostile.ts';
import { NEIGHBOURS } from './neighbours/kinds.ts';
import { brokenBounds, type Observed, rowOf, tableOf } from './neighbours/verdict.ts';

const BOUNDS = { p99Ms: 2_000 };
const ms = (...times: readonly number[]) => new Map(times.map((time, i) => [`i-${i}`, time * 1e6]));
const run: Observed = {
  falls: 3,
  acknowledged: ms(0, 10_000, 20_000),
  shown: ms(100, 10_300, 20_200),
  stored: ['i-0', 'i-1', 'i-2'],
  lostRows: 0,
  doubledRows: 0,
  memoryMib: 140,
};

describe('the verdict on alerts beside a neighbour', () => {
  it('measures from the PUBACK to the stream, over all runs', () => {
    const second = { ...run, shown: ms(400, 10_300, 20_200), memoryMib: 200.4 };
    const row = rowOf('backlog', [run, second]);
    assert.deepEqual(row, { kind: 'backlog', alerts: 6, p50_ms: 250, p99_ms: 395, max_ms: 400, lost: 0, doubled: 0, memory_mib: 200 });
    assert.deepEqual(brokenBounds(row, BOUNDS), []);
    assert.deepEqual(tableOf([row]).at(-1), '| `backlog` | 6 | 250 | 395 | 400 | 0 | 0 | 200 |');
  });

  it('counts an alert that the stream never showed as lost', () => {
    assert.equal(rowOf('locked', [{ ...run, shown: ms(100, 10_300) }]).lost, 1);
    assert.equal(rowOf('locked', [{ ...run, falls: 4 }]).lost, 1);
    assert.equal(rowOf('locked', [{ ...run, lostRows: 2 }]).lost, 2);
  });

  it('counts an alert that is stored twice, or that the robot did not raise, as doubled', () => {
    assert.equal(rowOf('endless', [{ ...run, stored: ['i-0', 'i-1', 'i-1'] }]).doubled, 1);
    assert.equal(rowOf('impostor', [{ ...run, stored: [...run.stored, 'other'] }]).doubled, 1);
    assert.equal(rowOf('impostor', [{ ...run, doubledRows: 5 }]).doubled, 5);
  });

  it('names a broken bound with its figure', () => {
    const row = rowOf('flooding', [{ ...run, shown: ms(100, 10_300, 25_000), memoryMib: 512 }]);
    assert.deepEqual(brokenBounds(row, BOUNDS), [
      `flooding: p99 from the PUBACK to the stream is ${row.p99_ms} ms, at most 2000 ms are allowed`,
      'flooding: the cloud occupied 512 MiB, less than 512 MiB are allowed',
    ]);
    assert.deepEqual(brokenBounds(row, { p99Ms: 15_000 }).length, 1);
  });

  it('breaks the bound if no alert was shown', () => {
    const row = rowOf('restart', [{ ...run, shown: new Map() }]);
    assert.deepEqual([row.lost, brokenBounds(row, BOUNDS).length], [3, 1]);
  });
});

describe('the neighbours', () => {
  it('include each kind of hostile robots', () => {
    const unused = Object.keys(HARMS).filter((harm) => !(harm in NEIGHBOURS));
    assert.deepEqual(unused, []);
  });

  it('are all in the table of the measurements', () => {
    const docs = readFileSync(join(ROOT, 'docs/lab/faults.md'), 'utf8');
    const missing = Object.keys(NEIGHBOURS).filter((kind) => !docs.includes(`| \`${kind}\`: `));
    assert.deepEqual(missing, []);
  });
});
