// Generates histories for the model of the receipts: events at a robot, its broker and two clouds, in any order. Pure.
import fc from 'fast-check';
import { ROW_CLASSES, type RowClass } from '../../src/outbox/index.ts';
import type { BrokerFaults } from './broker.ts';
import type { DatabaseFaults } from './database.ts';
import { damages, YEAR_MS } from './parts.ts';
import type { Damage } from './robot.ts';

export type ReceiptStep =
  | { readonly do: 'append'; readonly rowClass: RowClass; readonly big: boolean }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'faults'; readonly broker: BrokerFaults; readonly database: DatabaseFaults }
  | { readonly do: 'cut' }
  | { readonly do: 'down'; readonly ms: number }
  | { readonly do: 'maintain'; readonly maxAgeMs: number }
  | { readonly do: 'clock'; readonly whose: 0 | 1 | 2; readonly ms: number; readonly trusted: boolean }
  | { readonly do: 'kill'; readonly damage: Damage | null; readonly offMs: number }
  | { readonly do: 'killCloud'; readonly which: 0 | 1; readonly offMs: number };

export interface ReceiptHistory {
  readonly seed: number;
  readonly steps: readonly ReceiptStep[];
}

const part = fc.oneof(fc.constant(0), fc.constantFrom(0.05, 0.3, 0.9));
const brokerFaults: fc.Arbitrary<BrokerFaults> = fc.record({
  lost: part,
  unacknowledged: part,
  doubled: part,
  refused: fc.constantFrom(0, 0, 0, 0.3),
  lateMs: fc.constantFrom(50, 2_000, 30_000, 100_000),
});
const databaseFaults: fc.Arbitrary<DatabaseFaults> = fc.record({ slowMs: fc.constantFrom(0, 0, 200, 30_000), failing: part });
const offMs = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 3_600_000 }));
const damage = fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: damages });

function step(weight: number, arbitrary: fc.Arbitrary<ReceiptStep>): fc.WeightedArbitrary<ReceiptStep> {
  return { weight, arbitrary };
}

const steps = fc.array(
  fc.oneof(
    step(8, fc.record({ do: fc.constant('append'), rowClass: fc.constantFrom(...ROW_CLASSES), big: fc.nat(3).map((n) => n === 3) })),
    step(4, fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 2_000 }) })),
    step(3, fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 120_000 }) })),
    step(1, fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 2 * 3_600_000 }) })),
    step(3, fc.record({ do: fc.constant('faults'), broker: brokerFaults, database: databaseFaults })),
    step(1, fc.record({ do: fc.constant('cut') })),
    step(1, fc.record({ do: fc.constant('down'), ms: offMs })),
    step(1, fc.record({ do: fc.constant('maintain'), maxAgeMs: fc.constantFrom(1_000, 3_600_000, YEAR_MS) })),
    step(
      1,
      fc.record({
        do: fc.constant('clock'),
        whose: fc.constantFrom(0, 1, 2),
        ms: fc.constantFrom(-30 * YEAR_MS, -60_000, 60_000, YEAR_MS),
        trusted: fc.boolean(),
      }),
    ),
    step(2, fc.record({ do: fc.constant('kill'), damage, offMs })),
    step(1, fc.record({ do: fc.constant('killCloud'), which: fc.constantFrom(0, 1), offMs })),
  ) as fc.Arbitrary<ReceiptStep>,
  { maxLength: 40, size: 'max' },
);

export const receiptHistories: fc.Arbitrary<ReceiptHistory> = fc.record({ seed: fc.integer(), steps });
