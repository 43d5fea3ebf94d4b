// Forces V8 to collect an outbox's dropped statements at every kind of moment, on the shipped Node.js. better-sqlite3 12.11.1 aborts the
// process within a second on Node.js 24.19 and 24.20.

import type { Campaign, Context, Outcome } from '../campaign.ts';
import { collecting } from '../collecting.ts';

/** The end of each process also collects. */
const LIVES = 3;

export const collect: Campaign = {
  name: 'collect',
  what: 'an outbox under load whose dropped statements are collected at every kind of moment',
  defaultRuns: LIVES,
  defaultForMs: 60_000,
  missing: () => false,
  run: runCollect,
};

async function runCollect({ forMs, say }: Context): Promise<Outcome> {
  const failures: string[] = [];
  const sums = { rows: 0, covered: 0, statements: 0, collections: 0 };
  let mostRss = 0;
  for (let run = 1; run <= LIVES; run++) {
    const { life, code, signal, stderr } = await collecting(Number.POSITIVE_INFINITY, forMs / LIVES);
    if (code !== 0) failures.push(`life ${run} ended with ${signal ?? code}: ${stderr}`);
    if (!life) continue;
    failures.push(...life.wrong.map((line) => `life ${run}: ${line}`));
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += life[key];
    mostRss = Math.max(mostRss, life.rss_bytes);
    say(`life ${run}: ${life.rows} rows, ${life.collections} collections, ${Math.round(life.rss_bytes / 1024 ** 2)} MiB`);
  }
  const figures = { node: process.versions.node, ...sums, rss_bytes: mostRss };
  return { runs: LIVES, lost: sums.rows - sums.covered, doubled: 0, failures, figures };
}
