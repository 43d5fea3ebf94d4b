import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Inbox } from '../../src/commands/inbox.ts';
import { until } from '../support/until.ts';

describe('waiting commands', () => {
  it('run at once if no other command ran in this turn, else one in each turn and in order', async () => {
    const done: number[] = [];
    const inbox = new Inbox<number>((item) => {
      done.push(item);
      return 'ran';
    });
    for (const item of [1, 2, 3]) inbox.put(item);
    assert.deepEqual(done, [1]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(done, [1, 2]);
    await until(() => done.length === 3, 'the last command ran');
    assert.deepEqual(done, [1, 2, 3]);
  });

  it('fill a queue of 256', () => {
    const inbox = new Inbox<number>(() => 'ran');
    const accepted = Array.from({ length: 300 }, (_, item) => inbox.put(item)).filter(Boolean);
    assert.equal(accepted.length, 257);
    assert.equal(inbox.clear().length, 256);
  });

  it('do not wait for refused commands', () => {
    const done: number[] = [];
    let isBusy = true;
    const inbox = new Inbox<number>((item) => {
      done.push(item);
      return isBusy ? 'ran' : 'refused';
    });
    for (const item of [1, 2, 3]) inbox.put(item);
    isBusy = false;
    return until(() => done.length === 3, 'all commands were refused');
  });
});
