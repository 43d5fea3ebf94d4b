// Runs an outbox under load in a process of its own: collectLife.ts ROUNDS MS, either may be Infinity (collecting.ts starts it). It drops
// statements, databases and readers all the time. V8 collects them on demand, from its own tasks, among promise jobs, and at the end of the
// process. It prints a Life.
import { PerformanceObserver } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { OutboxReader, type RowClass, verifyOutbox } from '../../src/outbox/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import type { Life } from './collecting.ts';

const CLASSES: readonly RowClass[] = ['alert', 'telemetry'];
const ROWS_PER_ROUND = 20;
const STATEMENTS_PER_ROUND = 10;
const REOPEN_EVERY = 50;
const READ_EVERY = 10;
/** Chained promise jobs per round. V8 enters no context for a collection among them. */
const CHAINS = 40;
const CHAIN_LENGTH = 20;

const [rounds = 1, forMs = Number.POSITIVE_INFINITY] = process.argv.slice(2).map(Number);
const collect = globalThis.gc;
if (!collect) throw new Error('start it with node --expose-gc');
const bench = outboxBench();
/** Objects that stay alive until the end of the process. */
const left: unknown[] = [];
let rows = 0;
let covered = 0;
let statements = 0;
let collections = 0;

function write({ outbox }: OutboxBench, round: number): void {
  outbox.append({ class: 'alert', channel: 'gas', value: round % 2 === 0, extra: { alert: round % 2 === 0 ? 'raised' : 'cleared' } });
  for (let n = 1; n < ROWS_PER_ROUND; n++) outbox.append({ class: 'telemetry', channel: 'battery', value: n });
  outbox.flush();
  rows += ROWS_PER_ROUND;
}

function deliver({ outbox, lifetime, clock }: OutboxBench): void {
  for (const rowClass of CLASSES) {
    for (let claim = outbox.claim(rowClass, { maxRows: 50, maxBytes: 100_000 }); claim; ) {
      outbox.published(claim);
      claim = outbox.claim(rowClass, { maxRows: 50, maxBytes: 100_000 });
    }
  }
  clock.advance(1_000);
  const { id, accepted } = outbox;
  const before = outbox.unconfirmed;
  outbox.receive({
    thing: 'elderly-bot',
    outbox: id,
    at: 0,
    accepted,
    mark: [lifetime.boot, clock.mono()],
    through: accepted,
    after: 0,
    to: null,
    also: [],
  });
  covered += before - outbox.unconfirmed;
}

/** Creates statements without references, and a database that is never closed. */
function drop({ db }: OutboxBench): void {
  for (let n = 0; n < STATEMENTS_PER_ROUND; n++) db.prepare('select count(*) from rows where seq > ?').get(n);
  const other = new Database(':memory:');
  const open = other.prepare('select 1').iterate();
  open.next();
  open.return?.();
  left[statements % STATEMENTS_PER_ROUND] = other.prepare('select 2');
  statements += STATEMENTS_PER_ROUND + 2;
}

function read({ folder }: OutboxBench): void {
  const reader = OutboxReader.open(folder);
  for (const _ of reader.rows()) break;
  reader.stats();
  reader.close();
}

async function chain(length: number): Promise<void> {
  await null;
  if (length > 0) await chain(length - 1);
}

new PerformanceObserver((list) => {
  collections += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

const startedMs = performance.now();
for (let round = 1; round <= rounds && performance.now() - startedMs < forMs; round++) {
  write(bench, round);
  drop(bench);
  await Promise.all(Array.from({ length: CHAINS }, () => chain(CHAIN_LENGTH)));
  deliver(bench);
  if (round % READ_EVERY === 0) {
    read(bench);
    collect();
    await collect({ type: 'major', execution: 'async' });
  }
  if (round % REOPEN_EVERY === 0) bench.reopen();
  await new Promise((resolve) => setImmediate(resolve));
}
bench.outbox.close();
const reader = OutboxReader.open(bench.folder);
const wrong = [...verifyOutbox(reader), ...bench.troubles.map((error) => `trouble: ${error?.message}`)];
reader.close();
bench.remove();
const life: Life = { rows, covered, statements, collections, rss_bytes: process.memoryUsage.rss(), wrong };
process.stdout.write(`${JSON.stringify(life)}\n`);
