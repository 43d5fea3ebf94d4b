// Tests the log of commands for a person at the robot: every refusal is in it, with or without an id, and a flood does not fill it.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Commands } from '../../src/commands/index.ts';
import { configSchema } from '../../src/config/index.ts';
import { CommandJournal, OUTBOX_FILE, readCommandLog } from '../../src/outbox/index.ts';
import { type OutboxBench, outboxBench } from '../support/outbox.ts';
import { commandsOn } from '../support/runningCommands.ts';
import { until } from '../support/until.ts';

const buzzer = { topic: '/buzzer', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } } };

const commands = configSchema.shape.commands.parse({
  buzzer: { ...buzzer, legacy: true, rate: 2 },
  lamp: { ...buzzer, topic: '/lamp' },
  once: { ...buzzer, rate: 1, legacy: true },
  night: { ...buzzer, when: ['battery > 15'], legacy: true },
  stop: { topic: '/cmd_vel', type: 'geometry_msgs/Twist', message: {} },
  drive: {
    topic: '/cmd_vel',
    type: 'geometry_msgs/Twist',
    message: { linear: { x: '$linear' } },
    args: { linear: { type: 'number' }, duration_ms: { type: 'integer', min: 50, max: 2000, default: 2000 } },
    motion: true,
  },
});

/** How a message differs from a valid `lamp` command with an id, and the reason of its refusal. */
const REFUSED: readonly [reason: string, over: object, retained?: boolean][] = [
  ['malformed', { expires_at: undefined }],
  ['unknown_command', { command: 'open_door' }],
  ['bad_arguments', { value: 'loud' }],
  ['wrong_thing', { thing: 'other' }],
  ['retained', {}, true],
  ['clock_skew', { issued_at: 3_000_000_000_000, expires_at: 3_000_000_010_000 }],
  ['not_allowed', { expires_at: 2_000_000_000_000 }],
  ['condition_not_met', { command: 'night' }],
];

/** The same without id, thing and expiry. */
const REFUSED_WITHOUT_ID: readonly [reason: string, payload: object | string, retained?: boolean][] = [
  ['malformed', '{'],
  ['malformed', { command: 'lamp', value: true }],
  ['malformed', { command: 'drive', args: { linear: 1 } }],
  ['too_large', 'x'.repeat(10_000)],
  ['unknown_command', { command: 'open_door' }],
  ['bad_arguments', { command: 'buzzer', value: 'loud' }],
  ['wrong_thing', { command: 'buzzer', value: true, thing: 'other' }],
  ['retained', { command: 'buzzer', value: true }, true],
  ['condition_not_met', { command: 'night', value: true }],
];

describe('the log of commands', () => {
  let bench: OutboxBench;
  let running: Commands;
  let journal: CommandJournal;
  let isPublished: boolean;

  beforeEach(() => {
    bench = outboxBench();
    isPublished = false;
    journal = new CommandJournal(bench.db, () => bench.clock.mono());
    const publisher = {
      subscribers: 1,
      publish: () => {
        isPublished = true;
      },
    };
    const publishers = new Map(Object.keys(commands).map((name) => [name, [publisher]]));
    running = commandsOn(bench, commands, { publishers, journal });
  });
  afterEach(() => bench.remove());

  const receive = (payload: object | string, retained = false) => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    running.receive({ payload: Buffer.from(text), retained, expiryMs: undefined });
    return new Promise((resolve) => setImmediate(resolve));
  };
  const receiveWithId = (id: string, over: object = {}, retained = false) => {
    const now = bench.clock.wall();
    const given = { id, thing: 'bot', command: 'lamp', value: true, issued_at: now, expires_at: now + 5_000 };
    return receive({ ...given, ...over }, retained);
  };
  /** Stops the commands, which writes everything that waits. */
  const logged = async (limit = 1_000) => {
    await running.stop();
    bench.outbox.flush();
    return readCommandLog(join(bench.folder, OUTBOX_FILE), limit);
  };

  it('has each refusal of a command with an id, and its reason', async () => {
    for (const [i, [, over, retained]] of REFUSED.entries()) await receiveWithId(`id-${i}`, over, retained);
    const late = bench.clock.wall() - 60_000;
    await receiveWithId('late', { issued_at: late - 1_000, expires_at: late });
    bench.clock.isTrusted = false;
    await receiveWithId('no-clock');
    const found = (await logged()).map(({ id, state, result }) => [id, state, result?.reason ?? result?.status]);
    const expected = REFUSED.map(([reason], i) => [`id-${i}`, 'refused', reason]);
    assert.deepEqual(
      found.toSorted(),
      [...expected, ['late', 'refused', 'expired'], ['no-clock', 'refused', 'clock_untrusted']].toSorted(),
    );
  });

  it('has each refusal of a command without an id, and its reason', async () => {
    for (const [, payload, retained] of REFUSED_WITHOUT_ID) await receive(payload, retained);
    await receive({ command: 'once', value: true });
    await receive({ command: 'once', value: true });
    const found = (await logged()).map(({ id, result }) => [id, result?.reason ?? result?.status]);
    assert.deepEqual(found, [...REFUSED_WITHOUT_ID.map(([reason]) => [null, reason]), [null, 'done'], [null, 'rate_limited']]);
  });

  it('explains legacy: true for a refused command without an id, and that a motion must not have it', async () => {
    await receive({ command: 'lamp', value: true });
    await receive({ command: 'drive', args: { linear: 1 } });
    await receive({ command: 'buzzer', value: true, id: 'half' });
    const found = await logged();
    const detailOf = (name: string) => found.find(({ command }) => command === name)?.result?.detail ?? '';
    assert.match(detailOf('lamp'), /^id, thing, expires_at missing; .*set legacy: true for it/);
    assert.match(detailOf('drive'), /must not have legacy: true$/);
    assert.match(detailOf('buzzer'), /^thing, expires_at missing; send id, thing and expires_at, or none of them$/);
    assert.equal(isPublished, false);
  });

  it('has executed commands without an id, among the others in the order of their arrival', async () => {
    await receiveWithId('first');
    bench.clock.advance(1_000);
    await receive({ command: 'buzzer', value: true });
    await until(() => readCommandLog(join(bench.folder, OUTBOX_FILE), 10).some(({ id }) => id === null), 'the log has the buzzer');
    bench.clock.advance(1_000);
    await receiveWithId('last');
    const found = (await logged()).map(({ id, command, result }) => [id, command, result?.status]);
    assert.deepEqual(found, [
      ['first', 'lamp', 'done'],
      [null, 'buzzer', 'done'],
      ['last', 'lamp', 'done'],
    ]);
  });

  it('has one entry with a count for a flood of equal refusals', async () => {
    for (let n = 0; n < 300; n++) await receive({ command: 'buzzer', value: true });
    const found = (await logged()).map(({ result, times }) => [result?.status, result?.reason, times]);
    const counts = running.counts();
    assert.equal((counts.done ?? 0) + (counts.rejected ?? 0), 300);
    assert.deepEqual(
      found.map(([status, reason]) => [status, reason]),
      [
        ['done', undefined],
        ['rejected', 'rate_limited'],
      ],
    );
    assert.equal(found[0]?.[2], 2);
    assert.ok(Number(found[1]?.[2]) > 50, JSON.stringify(found));
  });

  it('keeps only the latest 500 commands without an id, whatever they are', () => {
    const outcomes = Array.from({ length: 1_700 }, (_, n) => ({ command: `c${n}`, status: 'done', at: n }) as const);
    for (let first = 0; first < outcomes.length; first += 100) journal.log.write(outcomes.slice(first, first + 100));
    const found = readCommandLog(join(bench.folder, OUTBOX_FILE), 10_000);
    assert.deepEqual([found.length, found.at(0)?.command, found.at(-1)?.command], [500, 'c1200', 'c1699']);
  });

  it('keeps the latest refusals for a week of running time, and forgets older ids of refusals after an hour', () => {
    const refuse = (n: number) => {
      journal.begin(`r${n}`, 'lamp', n);
      journal.end(`r${n}`, { kind: 'result', id: `r${n}`, status: 'rejected', reason: 'retained' });
    };
    for (let n = 0; n < 600; n++) {
      bench.clock.advance(1);
      refuse(n);
    }
    bench.clock.advance(2 * 3_600_000);
    journal.forgetOld();
    const ids = readCommandLog(join(bench.folder, OUTBOX_FILE), 10_000).map(({ id }) => id);
    assert.deepEqual([ids.length, ids.at(0)], [500, 'r100']);
    bench.clock.advance(8 * 24 * 3_600_000);
    journal.forgetOld();
    assert.deepEqual(readCommandLog(join(bench.folder, OUTBOX_FILE), 10), []);
  });

  it('is readable in a file of an earlier version', async () => {
    await receiveWithId('first');
    await running.stop();
    bench.outbox.flush();
    bench.db.exec('drop table commands_without_id');
    assert.deepEqual(
      readCommandLog(join(bench.folder, OUTBOX_FILE), 10).map(({ id }) => id),
      ['first'],
    );
  });

  it('costs no command if it cannot be written', async () => {
    bench.db.exec('drop table commands_without_id');
    await receive({ command: 'buzzer', value: true });
    await running.stop();
    assert.deepEqual([isPublished, running.counts()], [true, { done: 1 }]);
  });
});
