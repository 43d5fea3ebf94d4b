import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from './random.ts';
import { chosen, FAULTS } from './soak/faults.ts';
import { slopePerHour } from './soak/gauges.ts';

describe('a soak', () => {
  it('computes the growth per hour', () => {
    const grows = Array.from({ length: 60 }, (_, minute) => [minute / 60, 100 + minute / 2 + (minute % 2)] as const);
    assert.ok(Math.abs(Number(slopePerHour(grows)) - 30) < 0.1);
    assert.equal(slopePerHour(grows.map(([atH]) => [atH, 7] as const)), 0);
    assert.equal(slopePerHour(grows.slice(0, 2)), null);
  });

  it('plays every fault, and never breaks one part twice at once', () => {
    const random = seeded(5);
    const rounds = Array.from({ length: 300 }, () => chosen(3, random).map(({ name }) => name));
    assert.deepEqual(new Set(rounds.flat()), new Set(FAULTS.map(({ name }) => name)));
    for (const round of rounds) {
      assert.equal(new Set(round).size, round.length);
      assert.ok(!(round.includes('network_cut') && round.includes('network_dead')), round.join());
    }
  });
});
