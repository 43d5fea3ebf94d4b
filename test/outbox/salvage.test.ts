// Tests salvage with every kind of damage: each row that SQLite can still read is copied under its own name, and each other row is declared
// as lost.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Ledger } from '../../src/outbox/ledger.ts';
import { openOutboxFile } from '../../src/outbox/repair.ts';
import { encodeBody, type NewRow, ROW_CLASSES, type RowClass } from '../../src/outbox/rows.ts';
import { openDatabase } from '../../src/outbox/schema.ts';
import { Store } from '../../src/outbox/store.ts';
import { count, type Ranges } from '../../src/wire/index.ts';
import { DAMAGES, readableRows } from '../faults/damage.ts';
import { seeded } from '../faults/random.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const GROUPS = 40;
const GROUP = 25;
const SEEDS = [1, 3, 4];

describe('salvage', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-salvage-'));
    mkdirSync(join(folder, 'whole'));
    fill(join(folder, 'whole', 'outbox.db'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const damage of DAMAGES.filter(({ checkpointed, refusal }) => checkpointed && !refusal)) {
    it(`keeps the readable rows and declares the lost rows: ${damage.name}`, () => {
      for (const seed of SEEDS) {
        const [state, copy] = [join(folder, 'damaged'), join(folder, 'copy')];
        for (const each of [state, copy]) rmSync(each, { recursive: true, force: true });
        cpSync(join(folder, 'whole'), state, { recursive: true });
        damage.apply(join(state, 'outbox.db'), seeded(seed));
        cpSync(state, copy, { recursive: true });
        const readable = [...readableRows(join(copy, 'outbox.db'))].filter((name) => accepted(name));

        const { db, closed } = openOutboxFile(state, MAX_BYTES, ['old'], 'new');
        const names = db.prepare(`select o.id || '/' || r.seq from rows r join outboxes o on o.ordinal = r.outbox`).pluck().all();
        const kept = new Set(names as string[]);
        assert.equal(db.prepare('select sum(rows) from tally').pluck().get(), kept.size);
        db.close();
        assert.deepEqual(
          readable.filter((name) => !kept.has(name)),
          [],
          `seed ${seed}`,
        );
        const [event] = closed;
        const lost: Ranges = event?.kind === 'outbox_closed' ? event.lost : [];
        // If the entry of the outbox itself is lost, its number of rows is unknown. Then `last_seq` is null, and all its rows count as
        // lost.
        if (!(event?.kind === 'outbox_closed' && event.last_seq === null)) assert.equal(kept.size + count(lost), GROUPS * GROUP);
      }
    });
  }
});

/** Whether a name has a valid number. Damage can garble the numbers. */
function accepted(name: string): boolean {
  const seq = Number(name.split('/')[1]);
  return Number.isInteger(seq) && seq >= 1 && seq <= GROUPS * GROUP;
}

function fill(file: string): void {
  const db = openDatabase(file, MAX_BYTES);
  const ledger = new Ledger(new Store(db));
  ledger.start('old', 1, 0, [], 0);
  for (let group = 0; group < GROUPS; group++) {
    const rows = Array.from({ length: GROUP }, (_, i) => rowOf(ROW_CLASSES[(i * 7 + group) % ROW_CLASSES.length] ?? 'telemetry', i));
    ledger.commit(rows.map((row, i) => ({ row, body: encodeBody(row), at: i, mono: i, trusted: true, within: undefined })));
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
}

function rowOf(rowClass: RowClass, i: number): NewRow {
  if (rowClass === 'result')
    return { class: rowClass, body: { kind: 'result', id: `id-${i}`, status: 'done', detail: 'it worked '.repeat(5) } };
  if (rowClass === 'event') return { class: rowClass, body: { kind: 'evicted', of: 'older', ranges: [[i, i]], reason: 'age' } };
  return { class: rowClass, channel: 'battery', value: 87.5 + i };
}
