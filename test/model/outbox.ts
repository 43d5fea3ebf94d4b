// The outbox against a model of the world around it: a broker that acknowledges, loses and keeps back, a cloud that commits and
// sends receipts late, twice and out of order, a full file, a wrong clock, kills between any two steps, damaged files. Whatever
// the history: row numbers have no gap, a row on its way is given to nobody else, and once the link heals all is delivered or
// declared, the accounting is exact, and nothing is left that would make the robot ask again.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Claim, ROW_CLASSES, type RowClass, type StoredRow } from '../../src/outbox/index.ts';
import { count, normalize, type Range, type Ranges, type Receipt, rangesOf, receiptPages, union } from '../../src/wire/index.ts';
import { damages, rowOf, whereRoom, YEAR_MS } from './parts.ts';
import { type Damage, Robot, type RobotFolder } from './robot.ts';
import { VirtualTime } from './time.ts';

const LIMITS = { maxRows: 7, maxBytes: 100_000 };

export type OutboxStep =
  | { readonly do: 'append'; readonly what: RowClass; readonly big: boolean }
  /** The event loop turns: rows and acknowledgements that are due are committed. */
  | { readonly do: 'turn' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'tend'; readonly maxAgeMs: number }
  | { readonly do: 'claim'; readonly of: RowClass }
  /** The cloud commits one of the messages that left, for the first time or again. */
  | { readonly do: 'commit'; readonly which: number }
  /** The broker's answer to one of the messages on their way. */
  | { readonly do: 'acknowledge' | 'fail' | 'refuse'; readonly which: number }
  | { readonly do: 'writeReceipts' }
  | { readonly do: 'receipt'; readonly which: number; readonly again: boolean }
  | { readonly do: 'forgedReceipt' }
  | { readonly do: 'clock'; readonly ms: number; readonly trusted: boolean }
  | { readonly do: 'kill'; readonly damage: Damage | null };

/** What the database has, by outbox id: rows committed, and rows that were declared gone. */
interface Known {
  committed: Ranges;
  declared: Ranges;
  accepted: number;
  /** Closed without anybody knowing its last number. */
  ended: boolean;
}

class World {
  readonly #time: VirtualTime;
  readonly #robot: Robot;
  readonly #cloud = new Map<string, Known>();
  readonly #accepted = new Map<string, number>();
  #onTheirWay: Claim[] = [];
  /** Acknowledged, or forgotten by a killed robot, and still with the broker. */
  #withBroker: Claim[] = [];
  readonly #mail: Receipt[] = [];
  #damaged = false;

  constructor(folder: RobotFolder, time: VirtualTime) {
    this.#time = time;
    this.#robot = new Robot(folder, time);
  }

  take(step: OutboxStep): void {
    const { outbox } = this.#robot;
    if (step.do === 'append') outbox.append(rowOf(step.what, step.big));
    else if (step.do === 'turn') this.#time.turn();
    else if (step.do === 'wait') this.#time.advance(step.ms);
    else if (step.do === 'tend') whereRoom(() => this.#robot.tend(step.maxAgeMs));
    else if (step.do === 'claim') this.#claim(step.of);
    else if (step.do === 'commit') this.#commitOne(step.which);
    else if (step.do === 'writeReceipts') this.#writeReceipts();
    else if (step.do === 'receipt') this.#receive(step.which, step.again);
    else if (step.do === 'forgedReceipt') this.#receiveForged();
    else if (step.do === 'clock') this.#robot.stepClock(step.ms, step.trusted);
    else if (step.do === 'kill') this.#kill(step.damage);
    else this.#answer(step.do, step.which);
    this.#noteAccepted();
  }

  /** The link heals, what the broker had is lost: everything is delivered, receipts come. Then nothing is outstanding. */
  heal(): void {
    this.#withBroker = [];
    while (this.#onTheirWay.length > 0) this.#answer('fail', 0);
    for (let round = 0; round < 40 && !this.#isQuiet(); round++) {
      this.#time.advance(4_000_000);
      for (const rowClass of ROW_CLASSES) {
        while (this.#claim(rowClass)) {
          this.#commitOne(this.#onTheirWay.length - 1);
          this.#answer('acknowledge', this.#onTheirWay.length - 1);
        }
      }
      this.#time.advance(1_000);
      this.#writeReceipts();
      while (this.#mail.length > 0) this.#receive(0, false);
      this.#noteAccepted();
    }
    const { outbox } = this.#robot;
    assert.equal(outbox.unconfirmed, 0, 'rows are still outstanding on the robot');
    assert.deepEqual(outbox.depth(), { alert: 0, result: 0, event: 0, telemetry: 0 }, 'rows are still held');
    assert.equal(outbox.oldestUncoveredMs(), undefined, 'the robot would ask for receipts for ever');
    assert.ok(
      outbox.unfinishedOutboxes().every(([id]) => id === outbox.id),
      'presence still names outboxes that are settled',
    );
    for (const [id, accepted] of this.#accepted) this.#checkAccount(id, accepted);
  }

  close(): void {
    this.#robot.close();
  }

  /** Each number is committed or declared. Only where files were damaged may the robot not know how many there were. */
  #checkAccount(id: string, accepted: number): void {
    const known = this.#cloud.get(id) ?? { committed: [], declared: [], accepted: 0, ended: false };
    if (!this.#damaged) assert.equal(known.accepted, accepted, `${id}: the cloud was told of ${known.accepted} rows`);
    if (known.ended) return;
    const accounted = count(union(known.committed, known.declared));
    assert.equal(accounted, known.accepted, `${id}: a row is neither committed nor declared`);
  }

  #isQuiet(): boolean {
    const { outbox } = this.#robot;
    if (outbox.unconfirmed > 0 || outbox.oldestUncoveredMs() !== undefined || outbox.unfinishedOutboxes().length > 1) return false;
    return [...this.#accepted].every(([id, accepted]) => {
      const known = this.#cloud.get(id);
      return accepted === 0 || known?.ended || (known && count(union(known.committed, known.declared)) >= accepted);
    });
  }

  #noteAccepted(): void {
    const { id, accepted } = this.#robot.outbox;
    assert.ok(accepted >= (this.#accepted.get(id) ?? 0), 'accepted went back');
    this.#accepted.set(id, accepted);
  }

  #claim(rowClass: RowClass): boolean {
    const { outbox } = this.#robot;
    const track = rowClass === 'telemetry' ? { track: { kind: 'backlog' as const, cutoff: outbox.accepted } } : {};
    const claim = outbox.claim(rowClass, { ...LIMITS, ...track });
    if (!claim) return false;
    for (const other of this.#onTheirWay) {
      if (other.ordinal !== claim.ordinal || other.class !== claim.class) continue;
      assert.ok(claim.last < other.first || claim.first > other.last, 'a row on its way was given out again');
    }
    this.#onTheirWay.push(claim);
    return true;
  }

  #commitOne(which: number): void {
    const claim = this.#chosen([...this.#onTheirWay, ...this.#withBroker], which);
    if (!claim?.rows.every(isReadable)) return;
    const known = this.#known(claim.outbox.id);
    known.accepted = Math.max(known.accepted, claim.outbox.accepted, claim.last);
    known.committed = union(known.committed, rangesOf(claim.rows.map(({ seq }) => seq)));
    for (const { body } of claim.class === 'event' ? claim.rows : []) this.#declare(body);
  }

  #declare(body: string): void {
    const event = JSON.parse(`{${body}}`) as {
      kind: string;
      of?: string;
      ranges?: Range[];
      old?: string;
      lost?: Range[];
      last_seq?: number | null;
    };
    const id = event.kind === 'evicted' ? event.of : event.kind === 'outbox_closed' ? event.old : undefined;
    if (id === undefined) return;
    const of = this.#known(id);
    of.declared = union(of.declared, normalize(event.ranges ?? event.lost ?? []));
    of.accepted = Math.max(of.accepted, event.last_seq ?? 0, of.declared.at(-1)?.[1] ?? 0);
    of.ended ||= event.last_seq === null;
  }

  #answer(what: 'acknowledge' | 'fail' | 'refuse', which: number): void {
    const claim = this.#chosen(this.#onTheirWay, which);
    // That a broker would never take the one row that says what was lost is not modelled: nothing else says it.
    if (!claim || (what === 'refuse' && claim.rows.some(({ body }) => body.includes('outbox_closed')))) return;
    this.#onTheirWay = this.#onTheirWay.filter((other) => other !== claim);
    if (what !== 'refuse') this.#withBroker.push(claim);
    if (what === 'refuse') whereRoom(() => this.#robot.outbox.refused(claim));
    else if (what === 'fail') this.#robot.outbox.failed(claim);
    else this.#robot.outbox.published(claim);
  }

  /** The robot says which outboxes it has; the cloud writes what it has of each. It arrives later, or never. */
  #writeReceipts(): void {
    const unfinished = new Map(this.#robot.outbox.unfinishedOutboxes());
    for (const [id, accepted] of unfinished) this.#known(id).accepted = Math.max(this.#known(id).accepted, accepted);
    for (const [outbox, known] of this.#cloud) {
      if (!unfinished.has(outbox)) continue;
      const mark: [number, number] = [this.#robot.lifetime.boot, this.#robot.clock.mono()];
      for (const page of receiptPages(union(known.committed, known.declared))) {
        this.#mail.push({ thing: 'bot', outbox, at: 0, accepted: known.accepted, mark, ...page });
      }
    }
  }

  #receive(which: number, again: boolean): void {
    const receipt = this.#chosen(this.#mail, which);
    if (!receipt) return;
    if (!again) this.#mail.splice(this.#mail.indexOf(receipt), 1);
    whereRoom(() => assert.notEqual(this.#robot.outbox.receive(receipt), 'beyond_accepted'));
  }

  /** What can't be true must change nothing. */
  #receiveForged(): void {
    const { id, accepted } = this.#robot.outbox;
    const mark: [number, number] = [this.#robot.lifetime.boot, this.#robot.clock.mono()];
    const forged = { thing: 'bot', at: 0, mark, after: 0, to: null, also: [] };
    const beyond = accepted + 1_000;
    whereRoom(() => {
      assert.equal(this.#robot.outbox.receive({ ...forged, outbox: id, accepted: beyond, through: beyond }), 'beyond_accepted');
      assert.equal(this.#robot.outbox.receive({ ...forged, outbox: 'foreign', accepted: 1, through: 1 }), 'unknown_outbox');
    });
  }

  #kill(damage: Damage | null): void {
    this.#withBroker.push(...this.#onTheirWay.splice(0));
    this.#damaged ||= damage !== null;
    this.#robot.kill(damage ?? undefined);
    this.#robot.start();
  }

  #chosen<T>(from: readonly T[], which: number): T | undefined {
    return from[which % Math.max(1, from.length)];
  }

  #known(outbox: string): Known {
    const known = this.#cloud.get(outbox) ?? { committed: [], declared: [], accepted: 0, ended: false };
    this.#cloud.set(outbox, known);
    return known;
  }
}

/** Zeros inside a text are damage that no check of the file finds: the cloud can't read such a message. */
function isReadable({ body }: StoredRow): boolean {
  return !body.includes('\0');
}

const which = fc.nat(20);
const rowClass = fc.constantFrom(...ROW_CLASSES);
function step(weight: number, arbitrary: fc.Arbitrary<OutboxStep>): fc.WeightedArbitrary<OutboxStep> {
  return { weight, arbitrary };
}

const steps = fc.array(
  fc.oneof(
    step(7, fc.record({ do: fc.constant('append'), what: rowClass, big: fc.nat(3).map((n) => n === 3) })),
    step(4, fc.record({ do: fc.constant('turn') })),
    step(2, fc.record({ do: fc.constant('wait'), ms: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 400_000 })) })),
    step(1, fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 26 * 3_600_000 }) })),
    step(1, fc.record({ do: fc.constant('tend'), maxAgeMs: fc.constantFrom(1_000, 3_600_000, YEAR_MS) })),
    step(5, fc.record({ do: fc.constant('claim'), of: rowClass })),
    step(4, fc.record({ do: fc.constant('commit'), which })),
    step(4, fc.record({ do: fc.constant('acknowledge'), which })),
    step(1, fc.record({ do: fc.constantFrom('fail', 'refuse'), which })),
    step(2, fc.record({ do: fc.constant('writeReceipts') })),
    step(3, fc.record({ do: fc.constant('receipt'), which, again: fc.boolean() })),
    step(1, fc.record({ do: fc.constant('forgedReceipt') })),
    step(1, fc.record({ do: fc.constant('clock'), ms: fc.constantFrom(-30 * YEAR_MS, -60_000, 60_000, YEAR_MS), trusted: fc.boolean() })),
    step(
      2,
      fc.record({
        do: fc.constant('kill'),
        damage: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: damages }),
      }),
    ),
  ) as fc.Arbitrary<OutboxStep>,
  { maxLength: 60, size: 'max' },
);

/** @param onSteps told how many steps each history took. */
export function outboxProperty(folder: RobotFolder, onSteps: (count: number) => void): fc.IProperty<[OutboxStep[]]> {
  return fc.property(steps, (history) => {
    const time = new VirtualTime(1);
    time.install();
    const world = new World(folder, time);
    try {
      for (const next of history) world.take(next);
      world.heal();
    } finally {
      world.close();
      time.remove();
      onSteps(history.length);
    }
  });
}
