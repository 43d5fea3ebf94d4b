// Tests the outbox against a model of its environment: a broker that acknowledges, loses and delays messages; a cloud that commits, and
// sends receipts late, twice and out of order; a full file; a wrong clock; kills between any two steps; damaged files. In any history row
// numbers have no gap, and no row is in two claims. Once the link works again, every row is delivered or declared, the counts of robot and
// cloud agree, and the robot waits for no receipt.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Claim, ROW_CLASSES, type RowClass, type StoredRow } from '../../src/outbox/index.ts';
import { count, normalize, type Range, type Ranges, type Receipt, rangesOf, receiptPages, subtract, union } from '../../src/wire/index.ts';
import { damages, rowOf, unlessDiskFull, YEAR_MS } from './parts.ts';
import { type Damage, Robot, type RobotFolder } from './robot.ts';
import { VirtualTime } from './time.ts';

const LIMITS = { maxRows: 7, maxBytes: 100_000 };

export type OutboxStep =
  | { readonly do: 'append'; readonly rowClass: RowClass; readonly big: boolean }
  /** A turn of the event loop commits the rows and acknowledgements that are due. */
  | { readonly do: 'turn' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'maintain'; readonly maxAgeMs: number }
  | { readonly do: 'claim'; readonly rowClass: RowClass }
  /** The cloud commits a message that was sent, for the first time or again. */
  | { readonly do: 'commit'; readonly which: number }
  /** The broker answers a message in flight. */
  | { readonly do: 'acknowledge' | 'fail' | 'refuse'; readonly which: number }
  | { readonly do: 'writeReceipts' }
  | { readonly do: 'receipt'; readonly which: number; readonly again: boolean }
  | { readonly do: 'forgedReceipt' }
  | { readonly do: 'clock'; readonly ms: number; readonly trusted: boolean }
  | { readonly do: 'kill'; readonly damage: Damage | null };

/** The cloud's state of one outbox. */
interface Known {
  committed: Ranges;
  declared: Ranges;
  accepted: number;
  /** Whether the outbox was declared closed without its last number. */
  ended: boolean;
}

class World {
  readonly #time: VirtualTime;
  readonly #robot: Robot;
  readonly #cloud = new Map<string, Known>();
  readonly #accepted = new Map<string, number>();
  #inFlight: Claim[] = [];
  /** Messages that the broker still has, although they were acknowledged or the robot was killed. */
  #withBroker: Claim[] = [];
  readonly #mail: Receipt[] = [];
  /** Rows that the broker has acknowledged at least once, as `outbox/seq`. */
  readonly #acknowledged = new Set<string>();
  #damaged = false;

  constructor(folder: RobotFolder, time: VirtualTime) {
    this.#time = time;
    this.#robot = new Robot(folder, time);
  }

  runStep(step: OutboxStep): void {
    const { outbox } = this.#robot;
    if (step.do === 'append') outbox.append(rowOf(step.rowClass, step.big));
    else if (step.do === 'turn') this.#time.turn();
    else if (step.do === 'wait') this.#time.advance(step.ms);
    else if (step.do === 'maintain') unlessDiskFull(() => this.#robot.maintain(step.maxAgeMs));
    else if (step.do === 'claim') this.#claim(step.rowClass);
    else if (step.do === 'commit') this.#commitMessage(step.which);
    else if (step.do === 'writeReceipts') this.#writeReceipts();
    else if (step.do === 'receipt') this.#receive(step.which, step.again);
    else if (step.do === 'forgedReceipt') this.#receiveForged();
    else if (step.do === 'clock') this.#robot.stepClock(step.ms, step.trusted);
    else if (step.do === 'kill') this.#kill(step.damage);
    else this.#answer(step.do, step.which);
    this.#noteAccepted();
  }

  /** Loses the broker's messages, delivers everything else, and sends receipts. After that no row may be outstanding. */
  heal(): void {
    this.#withBroker = [];
    while (this.#inFlight.length > 0) this.#answer('fail', 0);
    for (let round = 0; round < 40 && !this.#isQuiet(); round++) {
      this.#time.advance(4_000_000);
      for (const rowClass of ROW_CLASSES) {
        while (this.#claim(rowClass)) {
          this.#commitMessage(this.#inFlight.length - 1);
          this.#answer('acknowledge', this.#inFlight.length - 1);
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
      'presence still names outboxes that the cloud fully knows',
    );
    for (const [id, accepted] of this.#accepted) this.#checkAccount(id, accepted);
  }

  close(): void {
    this.#robot.close();
  }

  /** Each number is committed or declared. The robot may lose count of the rows only if files were damaged. */
  #checkAccount(id: string, accepted: number): void {
    const known = this.#cloud.get(id) ?? { committed: [], declared: [], accepted: 0, ended: false };
    if (!this.#damaged) assert.equal(known.accepted, accepted, `${id}: the cloud knows ${known.accepted} rows`);
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
    assert.ok(accepted >= (this.#accepted.get(id) ?? 0), 'accepted decreased');
    this.#accepted.set(id, accepted);
  }

  #claim(rowClass: RowClass): boolean {
    const { outbox } = this.#robot;
    const track = rowClass === 'telemetry' ? { track: { kind: 'backlog' as const, cutoff: outbox.accepted } } : {};
    const claim = outbox.claim(rowClass, { ...LIMITS, ...track });
    if (!claim) return false;
    for (const other of this.#inFlight) {
      if (other.ordinal !== claim.ordinal || other.class !== claim.class) continue;
      assert.ok(claim.last < other.first || claim.first > other.last, 'a row in flight was claimed again');
    }
    this.#inFlight.push(claim);
    return true;
  }

  #commitMessage(which: number): void {
    const claim = this.#chosen([...this.#inFlight, ...this.#withBroker], which);
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
    const known = this.#known(id);
    known.declared = union(known.declared, normalize(event.ranges ?? event.lost ?? []));
    known.accepted = Math.max(known.accepted, event.last_seq ?? 0, known.declared.at(-1)?.[1] ?? 0);
    known.ended ||= event.last_seq === null;
  }

  #answer(answer: 'acknowledge' | 'fail' | 'refuse', which: number): void {
    const claim = this.#chosen(this.#inFlight, which);
    if (!claim) return;
    this.#inFlight = this.#inFlight.filter((other) => other !== claim);
    if (answer !== 'refuse') this.#withBroker.push(claim);
    if (answer === 'refuse') unlessDiskFull(() => this.#robot.outbox.refused(claim));
    else if (answer === 'fail') this.#robot.outbox.failed(claim);
    else {
      for (const name of namesOf(claim)) this.#acknowledged.add(name);
      this.#robot.outbox.published(claim);
    }
  }

  /** Writes receipts for the outboxes that the robot's presence names. They arrive later, or never. */
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
    unlessDiskFull(() => assert.notEqual(this.#robot.outbox.receive(receipt), 'beyond_accepted'));
  }

  /** Checks that receipts with impossible content change nothing, and that one which is possible releases only acknowledged alerts. */
  #receiveForged(): void {
    const { id, accepted } = this.#robot.outbox;
    const mark: [number, number] = [this.#robot.lifetime.boot, this.#robot.clock.mono()];
    const forged = { thing: 'bot', at: 0, mark, after: 0, to: null, also: [] };
    const beyond = accepted + 1_000;
    unlessDiskFull(() => {
      assert.equal(this.#robot.outbox.receive({ ...forged, outbox: id, accepted: beyond, through: beyond }), 'beyond_accepted');
      assert.equal(this.#robot.outbox.receive({ ...forged, outbox: 'foreign', accepted: 1, through: 1 }), 'unknown_outbox');
    });
    for (const [outbox, seqs] of this.#unsent()) {
      const receipt = { ...forged, outbox, accepted: 0, through: 0, to: 0, also: rangesOf(seqs) };
      unlessDiskFull(() => assert.match(this.#robot.outbox.receive(receipt), /^(unacknowledged|never_sent)$/));
      assert.deepEqual(subtract(rangesOf(seqs), rangesOf(this.#unsent().get(outbox) ?? [])), [], 'a forged receipt released an alert');
    }
  }

  /** The held alerts that the broker neither has now nor acknowledged before, by outbox. */
  #unsent(): Map<string, number[]> {
    const flying = new Set(this.#inFlight.flatMap(namesOf));
    const unsent = new Map<string, number[]>();
    for (const { name } of this.#robot.outbox.alertRows()) {
      if (name === undefined || flying.has(`${name.outbox}/${name.seq}`) || this.#acknowledged.has(`${name.outbox}/${name.seq}`)) continue;
      unsent.set(name.outbox, [...(unsent.get(name.outbox) ?? []), name.seq]);
    }
    return unsent;
  }

  #kill(damage: Damage | null): void {
    this.#withBroker.push(...this.#inFlight.splice(0));
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

function namesOf({ outbox, rows }: Claim): string[] {
  return rows.map(({ seq }) => `${outbox.id}/${seq}`);
}

/** The cloud cannot read a message with zero bytes. They come from damage that no check of the file finds. */
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
    step(7, fc.record({ do: fc.constant('append'), rowClass, big: fc.nat(3).map((n) => n === 3) })),
    step(4, fc.record({ do: fc.constant('turn') })),
    step(2, fc.record({ do: fc.constant('wait'), ms: fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 400_000 })) })),
    step(1, fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 26 * 3_600_000 }) })),
    step(1, fc.record({ do: fc.constant('maintain'), maxAgeMs: fc.constantFrom(1_000, 3_600_000, YEAR_MS) })),
    step(5, fc.record({ do: fc.constant('claim'), rowClass })),
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

/** @param onSteps receives the number of steps of each history. */
export function outboxProperty(folder: RobotFolder, onSteps: (count: number) => void): fc.IProperty<[OutboxStep[]]> {
  return fc.property(steps, (history) => {
    const time = new VirtualTime(1);
    time.install();
    const world = new World(folder, time);
    try {
      for (const next of history) world.runStep(next);
      world.heal();
    } finally {
      world.close();
      time.remove();
      onSteps(history.length);
    }
  });
}
