import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Confirmations } from '../../src/commands/confirmations.ts';
import { configSchema } from '../../src/config/index.ts';
import { until } from '../support/until.ts';

function confirmOf(confirm: object) {
  const commands = configSchema.shape.commands.parse({
    lamp: { topic: '/lamp', type: 'std_msgs/Bool', message: { data: '$value' }, args: { value: { type: 'boolean' } }, confirm },
  });
  return commands.lamp?.confirm ?? assert.fail('it has none');
}

describe('the confirmation of a command', () => {
  it('is the expected value, and an earlier one does not count', () => {
    const evidence = new Confirmations();
    const ends: (string | undefined)[] = [];
    evidence.add('lamp', true);
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: '$value' }), { value: true }, (why) => ends.push(why));
    evidence.add('other', true);
    evidence.add('lamp', false);
    assert.deepEqual(ends, []);
    evidence.add('lamp', true);
    evidence.add('lamp', true);
    assert.deepEqual(ends, [undefined]);
  });

  it('is any change from the last value before the command, or from the first value after it', () => {
    const evidence = new Confirmations();
    const ends: string[] = [];
    const isEnded = (...names: string[]) => assert.deepEqual(ends, names);
    const confirm = confirmOf({ topic: '/state', changes: true });
    evidence.expect('lamp', confirm, {}, () => ends.push('first'));
    evidence.add('lamp', 1);
    evidence.add('lamp', 1);
    isEnded();
    evidence.add('lamp', 2);
    evidence.expect('lamp', confirm, {}, () => ends.push('second'));
    evidence.add('lamp', 2);
    evidence.add('lamp', 3);
    isEnded('first', 'second');
  });

  it('compares numbers with float32 precision', () => {
    const evidence = new Confirmations();
    const ends: unknown[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: 0.1 }), {}, (why) => ends.push(why));
    evidence.add('lamp', Math.fround(0.1));
    assert.deepEqual(ends, [undefined]);
  });

  it('fails after its deadline with the name of the topic', async () => {
    const evidence = new Confirmations();
    const ends: (string | undefined)[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: true, within: '100ms' }), {}, (why) => ends.push(why));
    await until(() => ends.length > 0, 'it gave up');
    evidence.add('lamp', true);
    assert.deepEqual(ends, ['/state did not confirm it within 100 ms']);
  });

  it('is cancelled when the command is stopped', () => {
    const evidence = new Confirmations();
    const ends: (string | undefined)[] = [];
    evidence.expect('lamp', confirmOf({ topic: '/state', equals: true }), {}, (why) => ends.push(why));
    evidence.cancel('a stop came', 'other');
    evidence.cancel('a stop came', 'lamp');
    assert.deepEqual(ends, ['a stop came']);
  });
});
