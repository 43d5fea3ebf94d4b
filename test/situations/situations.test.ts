// Plays each situation of docs/reference/situations.md as one test. SITUATION_RUNS=50 repeats each of them.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { GROUPS } from './groups.ts';
import { Stage } from './stage.ts';

const RUNS = Number(process.env.SITUATION_RUNS ?? 1);

describe('in a situation of the network or the broker, the agent reacts as documented:', {
  timeout: RUNS * 600_000,
  concurrency: 2,
}, () => {
  let folder: string;
  let files: BenchFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-situations-'));
    files = await benchCertificates(folder, 'elderly-bot');
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const { title, situations } of GROUPS) {
    // Most situations consist of waits.
    describe(title, { concurrency: 4 }, () => {
      for (const row of situations) {
        it(`${row.situation} ${row.reaction}`, { skip: row.skip ?? false }, async () => {
          for (let run = 0; run < RUNS; run++) {
            const stage = new Stage(files, row);
            try {
              await row.play(stage);
              stage.assertProblem();
            } finally {
              await stage.end();
            }
          }
        });
      }
    });
  }
});

describe('the table of situations', () => {
  it('has no situation twice', () => {
    const all = GROUPS.flatMap(({ situations }) => situations.map(({ situation }) => situation));
    assert.deepEqual(
      all.filter((situation, i) => all.indexOf(situation) !== i),
      [],
    );
  });
});
