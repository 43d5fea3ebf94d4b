import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldSamples } from '../../src/ros/heldSamples.ts';

describe('samples that wait for the next receiver', () => {
  it('are the newest thousand', () => {
    const held = new HeldSamples([Buffer.from('latched')]);
    for (let i = 0; i < 1_500; i++) held.add({ bytes: Buffer.from(String(i)), isLate: false });
    assert.deepEqual([held.samples.length, held.dropped], [1_000, 501]);
    assert.deepEqual([String(held.samples[0]?.bytes), String(held.samples.at(-1)?.bytes)], ['500', '1499']);
  });

  it('take at most 4 MiB, but the newest is always kept', () => {
    const held = new HeldSamples([]);
    for (let i = 0; i < 3; i++) held.add({ bytes: Buffer.alloc(3 * 1024 * 1024, i), isLate: false });
    assert.deepEqual([held.samples.length, held.dropped, held.samples[0]?.bytes[0]], [1, 2, 2]);
    held.add({ bytes: Buffer.alloc(5 * 1024 * 1024, 9), isLate: false });
    assert.deepEqual([held.samples.length, held.samples[0]?.bytes[0]], [1, 9]);
  });
});
