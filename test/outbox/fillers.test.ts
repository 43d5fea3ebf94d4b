// Fills a small outbox with each thing that can fill it. Afterwards a fall must be committed, sent and confirmed.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { type Claim, CommandJournal, isDiskFull, type NewRow, Notes, UploadRows } from '../../src/outbox/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const MIB = 1024 ** 2;
const ALL = { maxRows: 1_000, maxBytes: 1_000_000 };
const fall: NewRow = { class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised', incident: 'the-fall' } };

/** More than the outbox holds: each filler writes about this many bytes in pieces of {@link PIECE}. */
const MUCH = 12 * MIB;
const PIECE = 256 * 1024;

type Filler = (bench: OutboxBench) => void;

/** Runs `write` until much is written or the file is full. */
function until(much: number, write: (n: number) => number): void {
  for (let n = 0, bytes = 0; bytes < much; n++) {
    try {
      bytes += write(n);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      return;
    }
  }
}

/** Appends rows of so many bytes, in groups that the outbox commits. A group that does not fit keeps waiting, as in the agent. */
function append({ outbox }: OutboxBench, row: (n: number) => NewRow, bytes: number, much = MUCH): void {
  const perGroup = Math.ceil(PIECE / bytes);
  for (let n = 0; n * bytes < much; n += perGroup) {
    for (let i = n; i < n + perGroup; i++) outbox.append(row(i));
    try {
      outbox.flush();
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }
}

function deliver({ outbox, lifetime, clock }: OutboxBench): void {
  const { id, accepted } = outbox;
  const mark: [number, number] = [lifetime.boot, clock.monoMs];
  const receipt = { thing: 'bot', outbox: id, at: 0, accepted, mark, through: accepted, after: 0, to: null, also: [] };
  assert.equal(outbox.receive(receipt), 'applied');
}

function publishAll({ outbox }: OutboxBench): Claim[] {
  const claims: Claim[] = [];
  for (let claim = outbox.claim('alert', ALL); claim; claim = outbox.claim('alert', ALL)) {
    claims.push(claim);
    outbox.published(claim);
  }
  return claims;
}

const text = (n: number, characters: number) => `${n}-`.padEnd(characters, 'x');

const FILLERS: Readonly<Record<string, Filler>> = {
  'ids of commands that could be repeated': ({ db, clock }) => {
    const journal = new CommandJournal(db, () => clock.mono());
    const run = (n: number) => {
      journal.begin(text(n, 64), 'buzzer', 0);
      journal.end(text(n, 64), { kind: 'result', id: text(n, 64), status: 'done' });
    };
    until(MUCH, (n) => {
      if (journal.full() !== undefined) return MUCH;
      db.transaction(() => {
        for (let i = n * 500; i < (n + 1) * 500; i++) run(i);
      })();
      return 500 * 250;
    });
  },
  'ids that an earlier version kept without a limit': ({ db }) => {
    const insert = db.prepare(
      `insert into commands (id, command, state, started_at, ran_ms, result) values (?, 'buzzer', 'ended', 0, ?, ?)`,
    );
    const result = (id: string) => JSON.stringify({ kind: 'result', id, status: 'done' });
    db.pragma('max_page_count = 1000000');
    const full = Math.floor((8 - 1) * MIB) / 4_096;
    for (let n = 0; Number(db.pragma('page_count', { simple: true })) < full; n += 500) {
      db.transaction(() => {
        for (let i = n; i < n + 500; i++) insert.run(text(i, 64), i, result(text(i, 64)));
      })();
    }
  },
  'outcomes of commands without an id': ({ db, clock }) => {
    const journal = new CommandJournal(db, () => clock.mono());
    const outcomes = (n: number) =>
      Array.from({ length: 500 }, (_, i) => ({ command: 'buzzer', status: 'rejected', detail: text(n * 500 + i, 500), at: n }) as const);
    until(MUCH, (n) => {
      journal.log.write(outcomes(n));
      return PIECE;
    });
  },
  results: (bench) =>
    append(bench, (n) => ({ class: 'result', body: { kind: 'result', id: `r${n}`, status: 'done', detail: text(n, 450) } }), 600),
  'events of a problem that comes and goes': (bench) =>
    append(
      bench,
      (n) => ({ class: 'event', body: { kind: 'problem', code: 'x', severity: 'error', state: 'raised', text: text(n, 450) } }),
      600,
    ),
  telemetry: (bench) => append(bench, (n) => ({ class: 'telemetry', channel: 'gas', value: text(n, 900) }), 1_000),
  'results, events and telemetry in turn': (bench) =>
    append(
      bench,
      (n) =>
        n % 3 === 0
          ? { class: 'telemetry', channel: 'gas', value: n }
          : n % 3 === 1
            ? { class: 'event', body: { kind: 'problem', code: 'x', severity: 'error', state: 'raised', text: `${n}` } }
            : { class: 'result', body: { kind: 'result', id: `r${n}`, status: 'done' } },
      120,
      1.5 * MUCH,
    ),
  'alerts that a receipt has confirmed': (bench) => {
    for (let n = 0; n < 6; n++) {
      append(bench, (i) => ({ ...fall, channel: 'gas', value: text(i, 900) }), 1_000, 2 * MIB);
      publishAll(bench);
      deliver(bench);
    }
  },
  'alerts of a sensor that never stops': (bench) => append(bench, (n) => ({ ...fall, channel: 'gas', value: text(n, 900) }), 1_000),
  'uploads that wait': ({ db }) => {
    const rows = new UploadRows(db);
    until(MUCH, (n) => {
      db.transaction(() => {
        for (let i = n * 500; i < (n + 1) * 500; i++)
          rows.add({ file: text(i, 200), kind: 'log', size: 1, sha256: 'x'.repeat(64), takenAtMs: 0, incident: null, ranMs: 0 });
      })();
      return 500 * 300;
    });
  },
  notes: ({ db }) => {
    const notes = new Notes(db);
    until(MUCH, (n) => {
      notes.write(`note ${n}`, 'x'.repeat(PIECE));
      return PIECE;
    });
  },
  'any other table': ({ db }) => {
    db.exec('create table later (text text)');
    const insert = db.prepare('insert into later values (?)');
    until(MUCH, () => {
      insert.run('x'.repeat(PIECE));
      return PIECE;
    });
    // After this, the file has free pages beyond the limit of all but alerts.
    until(MUCH, () => {
      insert.run('x'.repeat(100));
      return 0;
    });
  },
  'starts that each leave a row': (bench) => {
    for (let n = 0; n < 200; n++) {
      bench.outbox.append({ class: 'telemetry', channel: 'gas', value: n });
      bench.outbox.flush();
      bench.reopen();
    }
  },
};

describe('a fall', () => {
  let bench: OutboxBench;
  beforeEach(() => {
    bench = outboxBench(8 * MIB);
  });
  afterEach(() => bench.remove());

  /** The fall must be committed in the turn in which it is sensed, beside rows that do not fit. */
  const isDelivered = async () => {
    bench.outbox.append({
      class: 'event',
      body: { kind: 'problem', code: 'y', severity: 'error', state: 'raised', text: 'x'.repeat(8_000) },
    });
    bench.outbox.append({ class: 'result', body: { kind: 'result', id: 's', status: 'done' } });
    bench.outbox.append(fall);
    await new Promise((resolve) => setImmediate(resolve));
    const isFall = (body: string) => body.includes('the-fall') && body.startsWith('true');
    const committed = bench.outbox.alertRows().filter(({ name, channel }) => name !== undefined && channel === 'fall');
    assert.equal(committed.length, 1, `committed at once; ${bench.troubles.at(-1)}`);
    const sent = publishAll(bench).flatMap(({ rows }) => rows.filter(({ body }) => isFall(body)));
    assert.equal(sent.length, 1);
    deliver(bench);
    const name = committed[0]?.name;
    assert.ok(name && bench.outbox.isDelivered(name), 'confirmed');
  };

  for (const [name, fill] of Object.entries(FILLERS)) {
    it(`is delivered although ${name} ${name.endsWith('y') || name === 'any other table' ? 'fills' : 'fill'} the outbox`, async () => {
      fill(bench);
      await isDelivered();
      const declared = bench.db.prepare(`select count(*) from rows where body like '"kind":"evicted"%'`).pluck().get();
      assert.ok(Number(declared) < 400, `${declared} declarations`);
      bench.reopen();
      bench.outbox.append({ ...fall, channel: 'fire' });
      bench.outbox.flush();
      assert.ok(
        bench.outbox.alertRows().some(({ name: row, channel }) => row !== undefined && channel === 'fire'),
        'after a restart too',
      );
    });
  }
});
