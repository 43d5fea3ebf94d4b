// The outbox against a model of the world around it: a broker that acknowledges and loses, a cloud that commits and sends receipts
// late, twice and out of order, crashes between any two steps, time that passes. Whatever the history: row numbers have no gap,
// nothing goes that is neither committed nor declared, a row on its way is given to nobody else, and once the link heals all is
// delivered and the accounting is exact.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Claim, Outbox, RowClass } from '../../src/outbox/index.ts';
import { count, normalize, type Range, type Ranges, type Receipt, receiptPages, union } from '../../src/wire/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';

const CLASSES = ['alert', 'result', 'event', 'telemetry'] as const;
const LIMITS = { maxRows: 7, maxBytes: 100_000 };

/** What the database has, by outbox id: rows committed, and rows that were declared gone. */
interface Known {
  committed: Ranges;
  declared: Ranges;
  accepted: number;
}

class World {
  readonly bench: OutboxBench = outboxBench();
  readonly #cloud = new Map<string, Known>();
  readonly #accepted = new Map<string, number>();
  readonly #onTheirWay: Claim[] = [];
  readonly #mail: Receipt[] = [];

  constructor() {
    // Durability is not what is modelled here, and a sync a commit would cost hours.
    this.bench.db.pragma('synchronous = OFF');
  }

  get #outbox(): Outbox {
    return this.bench.outbox;
  }

  append(kind: (typeof CLASSES)[number]): void {
    if (kind === 'alert') this.#outbox.append({ class: 'alert', channel: 'fall', value: true, extra: { alert: 'raised' } });
    else if (kind === 'telemetry') this.#outbox.append({ class: 'telemetry', channel: 'temperature', value: 1 });
    else if (kind === 'result') this.#outbox.append({ class: 'result', body: { kind: 'result', id: 'c', status: 'done' } });
    else this.#outbox.append({ class: 'event', body: { kind: 'last_words', cause: 'model', queued: 0, oldest_at: null } });
  }

  flush(): void {
    const before = this.#outbox.accepted;
    this.#outbox.flush();
    assert.ok(this.#outbox.accepted >= before);
    this.#accepted.set(this.#outbox.id, this.#outbox.accepted);
  }

  claim(rowClass: RowClass): boolean {
    const track = rowClass === 'telemetry' ? { track: { kind: 'backlog' as const, cutoff: this.#outbox.accepted } } : {};
    const claim = this.#outbox.claim(rowClass, { ...LIMITS, ...track });
    if (!claim) return false;
    for (const other of this.#onTheirWay) {
      if (other.ordinal !== claim.ordinal || other.class !== claim.class) continue;
      assert.ok(claim.last < other.first || claim.first > other.last, 'a row on its way was given out again');
    }
    this.#onTheirWay.push(claim);
    return true;
  }

  /** The broker answers for the oldest message on its way. */
  answer(what: 'delivered' | 'lost' | 'failed' | 'refused'): void {
    const claim = this.#onTheirWay.shift();
    if (!claim) return;
    if (what === 'delivered') this.#commit(claim);
    if (what === 'failed') this.#outbox.failed(claim);
    else if (what === 'refused') this.#outbox.refused(claim);
    else this.#outbox.published(claim);
  }

  /** The robot says which outboxes it has; the cloud writes what it has of each. It arrives later, or never. */
  writeReceipts(): void {
    for (const [outbox, accepted] of this.#outbox.answeredFor()) {
      const known = this.#known(outbox);
      known.accepted = Math.max(known.accepted, accepted);
    }
    for (const [outbox, known] of this.#cloud) {
      const mark: [number, number] = [this.bench.lifetime.boot, this.bench.clock.monoMs];
      for (const page of receiptPages(union(known.committed, known.declared))) {
        this.#mail.push({ thing: 'bot', outbox, at: 0, accepted: known.accepted, mark, ...page });
      }
    }
  }

  receiveReceipt(which: number, keep: boolean): void {
    if (this.#mail.length === 0) return;
    const at = which % this.#mail.length;
    const [receipt] = keep ? [this.#mail[at]] : this.#mail.splice(at, 1);
    if (receipt) assert.notEqual(this.#outbox.receive(receipt), 'beyond_accepted');
    this.#accepted.set(this.#outbox.id, this.#outbox.accepted);
  }

  /** Also what was never true must change nothing. */
  receiveForged(): void {
    const { id, accepted } = this.#outbox;
    const mark: [number, number] = [this.bench.lifetime.boot, this.bench.clock.monoMs];
    const forged = { thing: 'bot', at: 0, mark, after: 0, to: null, also: [] };
    assert.equal(this.#outbox.receive({ ...forged, outbox: id, accepted: accepted + 50, through: accepted + 50 }), 'beyond_accepted');
    assert.equal(this.#outbox.receive({ ...forged, outbox: 'foreign', accepted: 1, through: 1 }), 'unknown_outbox');
    this.#accepted.set(this.#outbox.id, this.#outbox.accepted);
  }

  crash(): void {
    this.#onTheirWay.length = 0;
    this.bench.reopen();
    this.bench.db.pragma('synchronous = OFF');
  }

  /** The link heals: everything is delivered, receipts come. Then nothing is outstanding, and the sums are exact. */
  heal(): void {
    for (let round = 0; round < 40; round++) {
      while (this.#onTheirWay.length > 0) this.answer('delivered');
      this.flush();
      for (const rowClass of CLASSES) while (this.claim(rowClass));
      while (this.#onTheirWay.length > 0) this.answer('delivered');
      this.bench.clock.advance(4_000_000);
      this.writeReceipts();
      while (this.#mail.length > 0) this.receiveReceipt(0, false);
      this.flush();
      if (this.#outbox.unconfirmed === 0 && this.#quiet()) break;
    }
    assert.equal(this.#outbox.unconfirmed, 0, 'something is still outstanding');
    for (const [outbox, accepted] of this.#accepted) {
      if (accepted === 0) continue;
      const known = this.#cloud.get(outbox);
      assert.equal(
        count(union(known?.committed ?? [], known?.declared ?? [])),
        accepted,
        `${outbox}: a row is neither committed nor declared`,
      );
    }
  }

  remove(): void {
    this.bench.remove();
  }

  #quiet(): boolean {
    return [...this.#accepted].every(([outbox, accepted]) => {
      const known = this.#cloud.get(outbox);
      return accepted === 0 || count(union(known?.committed ?? [], known?.declared ?? [])) === accepted;
    });
  }

  #known(outbox: string): Known {
    const known = this.#cloud.get(outbox) ?? { committed: [], declared: [], accepted: 0 };
    this.#cloud.set(outbox, known);
    return known;
  }

  #commit(claim: Claim): void {
    const known = this.#known(claim.outbox.id);
    known.accepted = Math.max(known.accepted, claim.outbox.accepted);
    known.committed = union(known.committed, normalize(claim.rows.map(({ seq }): Range => [seq, seq])));
    for (const { body } of claim.class === 'event' ? claim.rows : []) {
      const event = JSON.parse(`{${body}}`) as { kind: string; of?: string; ranges?: Range[] };
      if (event.kind !== 'evicted' || event.of === undefined) continue;
      const of = this.#known(event.of);
      of.declared = union(of.declared, normalize(event.ranges ?? []));
    }
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...CLASSES).map((kind) => (world: World) => world.append(kind)) },
  { weight: 3, arbitrary: fc.constant((world: World) => world.flush()) },
  { weight: 4, arbitrary: fc.constantFrom(...CLASSES).map((kind) => (world: World) => void world.claim(kind)) },
  {
    weight: 5,
    arbitrary: fc
      .constantFrom('delivered', 'delivered', 'lost', 'failed', 'refused')
      .map((what) => (world: World) => world.answer(what as 'delivered')),
  },
  { weight: 2, arbitrary: fc.constant((world: World) => world.writeReceipts()) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(20), fc.boolean()).map(
      ([which, keep]) =>
        (world: World) =>
          world.receiveReceipt(which, keep),
    ),
  },
  { weight: 1, arbitrary: fc.constant((world: World) => world.receiveForged()) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 90_000 }).map((ms) => (world: World) => world.bench.clock.advance(ms)) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.crash()) },
);

/** @throws fast-check's report, with the seed and the shortest history that fails. */
export function checkOutbox(runs: number, seed: number): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = new World();
      try {
        for (const take of steps) take(world);
        world.heal();
      } finally {
        world.remove();
      }
    }),
    { numRuns: runs, seed },
  );
}
