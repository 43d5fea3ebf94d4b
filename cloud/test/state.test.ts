import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Mark, Presence } from '../../src/wire/index.ts';
import type { FlatState } from '../src/messages/message.ts';
import {
  declaredValues,
  dueRows,
  FILL_EVERY_MS,
  type Filled,
  HEALTH_EVERY_MS,
  inheritedChannels,
  rowsAfterRemoval,
} from '../src/robots/monitors.ts';
import { type HeldPresence, type HeldState, takePresence, takeState } from '../src/robots/state.ts';

const NOTHING: HeldState = { source: null, values: {} };
const UNFILLED: Filled = { safety: null, safetyMs: null, healthMs: null, health: null };

test('the newest flat state wins, in any order of arrival and with repetitions', () => {
  const made = fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }).map((steps) => {
    let [boot, seq] = [1, 0];
    return steps.map((step, i): FlatState => {
      if (step === 0) [boot, seq] = [boot + 1, 0];
      return { outbox: `box-${boot}`, seq: ++seq, mark: [boot, i], values: { gas: i } };
    });
  });
  const delivered = made.chain((states) =>
    fc.tuple(fc.constant(states), fc.shuffledSubarray([...states, ...states], { minLength: states.length * 2 })),
  );
  fc.assert(
    fc.property(delivered, ([states, order]) => {
      const held = order.reduce((state, offered) => takeState(state, offered) ?? state, NOTHING);
      assert.equal(held.values.gas, states.at(-1)?.values.gas);
    }),
  );
});

test('the state of an older outbox is ignored, and a missing channel keeps its value', () => {
  const first = takeState(NOTHING, { outbox: 'a', seq: 90, mark: [1, 900], values: { gas: true, battery: 80 } });
  const second = first && takeState(first, { outbox: 'b', seq: 2, mark: [2, 10], values: { gas: false } });
  assert.deepEqual(second?.values, { gas: false, battery: 80 });
  assert.equal(second && takeState(second, { outbox: 'a', seq: 91, mark: [1, 950], values: { gas: true } }), null);
  assert.equal(second && takeState(second, { outbox: 'b', seq: 2, mark: [2, 11], values: { gas: true } }), null);
});

test('only the six inherited channels are public', () => {
  const values = { temperature: 41.2, mood: 'fine', gas: false, heart_rate: 70, stranger: 'Ann', fire: null };
  assert.deepEqual(Object.entries(inheritedChannels(values)), [
    ['gas', false],
    ['fire', null],
    ['stranger', 'Ann'],
    ['temperature', 41.2],
  ]);
});

test('offline counts only for the latest session', () => {
  const online = (session: string, mark: Mark): Presence => ({ thing: 't', session, online: true, at: 0, mark });
  const will = (session: string, mark: Mark): Presence => ({ ...online(session, mark), online: false });
  const after = (...received: Presence[]): HeldPresence | null =>
    received.reduce<HeldPresence | null>((held, offered) => takePresence(held, offered) ?? held, null);
  assert.equal(after(online('a', [1, 10]), online('a', [1, 90]), will('a', [1, 10]))?.online, false);
  assert.equal(after(online('a', [1, 10]), online('b', [1, 50]), will('a', [1, 10]))?.online, true);
  assert.equal(after(online('b', [2, 1]), will('a', [1, 99]), online('a', [1, 99]))?.session, 'b');
  assert.equal(after(will('a', [1, 10]), online('a', [1, 10]))?.online, false, 'an ended session never resumes');
  assert.equal(
    after(online('a', [1, 10]), will('b', [1, 20]))?.online,
    false,
    'the last will of a session arrives before its first presence',
  );
});

test('a change of safety creates a row at once, one of health a row a minute, and no change a row an hour', () => {
  const calm = { gas: false, fire: false, fall: false, stranger: false, battery: 87.6, temperature: 41.2 };
  const first = dueRows({}, calm, null, UNFILLED, 1_000);
  const normal = { gas: 'Normal', fire: 'None', fall: 'None', stranger: 'None' };
  assert.deepEqual(first, { safety: normal, health: { power: 88, temperature: 41.2 } });
  const filled: Filled = { safety: normal, safetyMs: 1_000, healthMs: 1_000, health: first.health };
  assert.deepEqual(dueRows(calm, { ...calm, battery: 1 }, null, filled, 2_000), { safety: null, health: null });
  assert.deepEqual(dueRows(calm, { ...calm, fall: true }, null, filled, 2_000).safety, { ...normal, fall: 'Detected' });
  const aMinuteLater = (changed: Record<string, number>): unknown =>
    dueRows(calm, { ...calm, ...changed }, null, filled, 1_000 + HEALTH_EVERY_MS).health;
  assert.deepEqual([aMinuteLater({}), aMinuteLater({ battery: 88.4, temperature: 41.6 })], [null, null], 'no change that a reader sees');
  assert.deepEqual(aMinuteLater({ battery: 87.4 }), { power: 87, temperature: 41.2 });
  assert.deepEqual(aMinuteLater({ temperature: 40.7 }), { power: 88, temperature: 40.7 });
  assert.deepEqual(dueRows(calm, calm, null, filled, FILL_EVERY_MS), { safety: null, health: null });
  const later = dueRows(calm, calm, null, filled, 1_000 + FILL_EVERY_MS);
  assert.deepEqual(later, { safety: normal, health: { power: 88, temperature: 41.2 } });
  assert.notEqual(dueRows(calm, calm, null, filled, 500).health, null, 'a clock that was set back must not stop the rows');
});

test('words are cut at 20 characters, an unknown channel is Unknown, and no row is empty', () => {
  assert.deepEqual(dueRows({}, { stranger: `${'é'.repeat(19)}😀x`, gas: null }, null, UNFILLED, 0).safety, {
    gas: 'Unknown',
    fire: 'Unknown',
    fall: 'Unknown',
    stranger: `${'é'.repeat(19)}😀`,
  });
  assert.deepEqual(dueRows({}, { battery: 50 }, null, UNFILLED, 0), { safety: null, health: { power: 50, temperature: 0 } });
  assert.deepEqual(dueRows({}, { mood: 'fine' }, null, UNFILLED, 0), { safety: null, health: null });
  assert.deepEqual(dueRows({}, { battery: 300, temperature: -2 }, null, UNFILLED, 0).health, { power: 100, temperature: -2 });
});

test('a channel that the robot does not have is null, and its words are Unknown', () => {
  const values = { gas: true, fire: false, gas_unusable: true, fire_silent: false, battery: 80, temperature: 41, mood: 'fine' };
  assert.equal(declaredValues(values, null), values, 'a robot that announces no channels may have all of them');
  const channels = ['fire', 'temperature'];
  const declared = declaredValues(values, channels);
  assert.deepEqual(declared, { gas: null, fire: false, fire_silent: false, fall: null, stranger: null, battery: null, temperature: 41 });
  const filled: Filled = {
    safety: { gas: 'Detected', fire: 'None', fall: 'Unknown', stranger: 'Unknown' },
    safetyMs: 1_000,
    healthMs: 1_000,
    health: null,
  };
  assert.deepEqual(rowsAfterRemoval(values, declared, channels, filled), {
    safety: { gas: 'Unknown', fire: 'None', fall: 'Unknown', stranger: 'Unknown' },
    health: { power: 0, temperature: 41 },
  });
  assert.deepEqual(rowsAfterRemoval(declared, declared, channels, { ...filled, safety: null }), {
    safety: { gas: 'Unknown', fire: 'None', fall: 'Unknown', stranger: 'Unknown' },
    health: null,
  });
});

test('a robot with no safety channel gets no rows of Unknown, and one without a battery has power 0', () => {
  const channels = ['temperature'];
  const { safety, health } = dueRows({}, declaredValues({ temperature: 41 }, channels), channels, UNFILLED, 0);
  assert.deepEqual([safety, health], [null, { power: 0, temperature: 41 }]);
});
