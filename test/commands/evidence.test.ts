import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Evidence } from '../../src/commands/evidence.ts';
import { configSchema } from '../../src/config/index.ts';
import { until } from '../ros/until.ts';

function confirmOf(confirm: object) {
  const commands = configSchema.shape.commands.parse({
    lamp: { topic: '/lamp', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } }, confirm },
  });
  return commands.lamp?.confirm ?? assert.fail('it has none');
}

describe('the evidence that a command worked', () => {
  it('is the value that was asked for, and one that came before does not count', () => {
    const evidence = new Evidence();
    const ends: (string | undefined)[] = [];
    evidence.saw('lamp', true);
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: '$value' }), { value: true }, (why) => ends.push(why));
    evidence.saw('other', true);
    evidence.saw('lamp', false);
    assert.deepEqual(ends, []);
    evidence.saw('lamp', true);
    evidence.saw('lamp', true);
    assert.deepEqual(ends, [undefined]);
  });

  it('is any change against the last value before, or against the first where there was none', () => {
    const evidence = new Evidence();
    const ends: string[] = [];
    const isEnded = (...names: string[]) => assert.deepEqual(ends, names);
    const confirm = confirmOf({ topic: '/state', changes: true });
    evidence.expect('lamp', confirm, {}, () => ends.push('first'));
    evidence.saw('lamp', 1);
    evidence.saw('lamp', 1);
    isEnded();
    evidence.saw('lamp', 2);
    evidence.expect('lamp', confirm, {}, () => ends.push('second'));
    evidence.saw('lamp', 2);
    evidence.saw('lamp', 3);
    isEnded('first', 'second');
  });

  it('compares numbers as a float32 field holds them', () => {
    const evidence = new Evidence();
    const ends: unknown[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: 0.1 }), {}, (why) => ends.push(why));
    evidence.saw('lamp', Math.fround(0.1));
    assert.deepEqual(ends, [undefined]);
  });

  it('that does not come in time is none, and says where it was looked for', async () => {
    const evidence = new Evidence();
    const ends: (string | undefined)[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: true, within: '100ms' }), {}, (why) => ends.push(why));
    await until(() => ends.length > 0, 'it gave up');
    evidence.saw('lamp', true);
    assert.deepEqual(ends, ['/state did not show it within 100 ms']);
  });

  it('is given up when the command is stopped', () => {
    const evidence = new Evidence();
    const ends: (string | undefined)[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: true }), {}, (why) => ends.push(why));
    evidence.giveUp('a stop came', 'other');
    evidence.giveUp('a stop came', 'lamp');
    assert.deepEqual(ends, ['a stop came']);
  });
});
