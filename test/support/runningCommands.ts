// A robot's commands over a real outbox, without a guard that forbids motions, paired keys, or values of channels.
import { pino } from 'pino';
import { Commands } from '../../src/commands/index.ts';
import { CommandJournal } from '../../src/outbox/index.ts';
import type { OutboxBench } from './outbox.ts';

type Options = ConstructorParameters<typeof Commands>[0];

/** @param over has at least what the robot publishes to. */
export function commandsOn(
  bench: OutboxBench,
  commands: Options['commands'],
  over: Partial<Options> & Pick<Options, 'publishers'>,
): Commands {
  return new Commands({
    thing: 'bot',
    commands,
    outbox: bench.outbox,
    journal: new CommandJournal(bench.db, () => bench.clock.mono()),
    clock: bench.clock,
    guard: { missing: undefined, arm: () => Promise.resolve({ disarm: () => {} }), trip: () => {} },
    builtin: {},
    latestValue: () => undefined,
    familyKeys: { read: () => ({ keys: [], damage: undefined }) },
    connectedForMs: () => 60_000,
    log: pino({ level: 'silent' }),
    ...over,
  });
}
