import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Confirmations } from '../../src/commands/confirmations.ts';
import { configSchema } from '../../src/config/index.ts';
import { until } from '../support/until.ts';

function confirmOf(confirm: object) {
  const commands = configSchema.shape.commands.parse({
    lamp: { topic: '/lamp', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } }, confirm },
  });
  return commands.lamp?.confirm ?? assert.fail('the command has no confirmation');
}

describe('the confirmation of a command', () => {
  it('is the expected value, if it arrives after the command', () => {
    const confirmations = new Confirmations();
    const ends: (string | undefined)[] = [];
    confirmations.add('lamp', true);
    confirmations.expect('lamp', confirmOf({ topic: '/state', equals: '$value' }), { value: true }, (failure) => ends.push(failure));
    confirmations.add('other', true);
    confirmations.add('lamp', false);
    assert.deepEqual(ends, []);
    confirmations.add('lamp', true);
    confirmations.add('lamp', true);
    assert.deepEqual(ends, [undefined]);
  });

  it('is any change from the last value before the command, or from the first value after it', () => {
    const confirmations = new Confirmations();
    const ends: string[] = [];
    const isEnded = (...names: string[]) => assert.deepEqual(ends, names);
    const confirm = confirmOf({ topic: '/state', changes: true });
    confirmations.expect('lamp', confirm, {}, () => ends.push('first'));
    confirmations.add('lamp', 1);
    confirmations.add('lamp', 1);
    isEnded();
    confirmations.add('lamp', 2);
    confirmations.expect('lamp', confirm, {}, () => ends.push('second'));
    confirmations.add('lamp', 2);
    confirmations.add('lamp', 3);
    isEnded('first', 'second');
  });

  it('compares numbers with float32 precision', () => {
    const confirmations = new Confirmations();
    const ends: unknown[] = [];
    confirmations.expect('lamp', confirmOf({ topic: '/state', equals: 0.1 }), {}, (failure) => ends.push(failure));
    confirmations.add('lamp', Math.fround(0.1));
    assert.deepEqual(ends, [undefined]);
  });

  it('fails at its deadline, and the reason names the topic', async () => {
    const confirmations = new Confirmations();
    const ends: (string | undefined)[] = [];
    confirmations.expect('lamp', confirmOf({ topic: '/state', equals: true, within: '100ms' }), {}, (failure) => ends.push(failure));
    await until(() => ends.length > 0, 'the time for the confirmation ended');
    confirmations.add('lamp', true);
    assert.deepEqual(ends, ['/state did not confirm it within 100 ms']);
  });

  it('is cancelled when the command is stopped', () => {
    const confirmations = new Confirmations();
    const ends: (string | undefined)[] = [];
    confirmations.expect('lamp', confirmOf({ topic: '/state', equals: true }), {}, (failure) => ends.push(failure));
    confirmations.cancel('a stop arrived', 'other');
    confirmations.cancel('a stop arrived', 'lamp');
    assert.deepEqual(ends, ['a stop arrived']);
  });
});
