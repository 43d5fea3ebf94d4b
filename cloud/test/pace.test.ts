import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace, RANKS, type Rank } from '../src/receipts/pace.ts';

/** Asks for turns at once. @returns the ranks in the order of their turns, with the time of each. */
async function turnsOf(pace: Pace, ranks: readonly Rank[]): Promise<{ readonly rank: Rank; readonly ms: number }[]> {
  const taken: { rank: Rank; ms: number }[] = [];
  await Promise.all(ranks.map((rank) => pace.turn(rank).then(() => taken.push({ rank, ms: performance.now() }))));
  return taken;
}

const many = (rank: Rank, count: number): Rank[] => Array.from({ length: count }, () => rank);

test('no second has more turns than the rate and the quarter of it that was saved', async () => {
  const taken = await turnsOf(new Pace(40), many(RANKS.interval, 100));
  const startMs = taken[0]?.ms ?? 0;
  assert.ok((taken[99]?.ms ?? 0) - startMs >= 2_200, 'the last 90 turns take 2.25 s');
  for (const { ms: fromMs } of taken) {
    const inSecond = taken.filter(({ ms }) => ms >= fromMs && ms < fromMs + 1_000).length;
    assert.ok(inSecond <= 50, `${inSecond} turns in the second from ${fromMs - startMs} ms`);
  }
});

test('commands and receipts of alerts take turns, then come receipts for a presence, then the others', async () => {
  const { command, alert, presence, interval } = RANKS;
  const pace = new Pace(100);
  await turnsOf(pace, many(interval, 25));
  const taken = await turnsOf(pace, [...many(interval, 2), ...many(presence, 2), ...many(alert, 4), ...many(command, 2)]);
  assert.deepEqual(
    taken.map(({ rank }) => rank),
    [command, alert, command, alert, alert, alert, presence, presence, interval, interval],
  );
});

test('a flood of one rank is counted, and its end refuses what waits', async () => {
  const pace = new Pace(1);
  await pace.turn(RANKS.command);
  const refused = [pace.turn(RANKS.alert), pace.turn(RANKS.presence), pace.turn(RANKS.presence)].map((turn) =>
    assert.rejects(turn, /stopping/),
  );
  assert.deepEqual(pace.waiting, { command: 0, alert: 1, presence: 2, interval: 0 });
  pace.close();
  await Promise.all(refused);
  await assert.rejects(pace.turn(RANKS.command), /stopping/);
});
