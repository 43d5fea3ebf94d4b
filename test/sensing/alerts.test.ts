import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configSchema } from '../../src/config/index.ts';
import type { NewRow } from '../../src/outbox/index.ts';
import { Channel } from '../../src/sensing/index.ts';

function channel(over: Record<string, unknown>): Channel {
  const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', class: 'alert', ...over } });
  assert.ok(c);
  let incidents = 0;
  return new Channel('c', c, { newIncident: () => `i${++incidents}` });
}

/** `raised i1`, `cleared i1` of the alerts among the rows, with the name where it is not the channel's. */
function alerts(rows: readonly NewRow[]): string[] {
  return rows.flatMap((row) =>
    row.class === 'alert' ? [`${row.channel === 'c' ? '' : `${row.channel} `}${row.extra?.alert} ${row.extra?.incident}`] : [],
  );
}

function all(one: Channel, messages: readonly (readonly [ms: number, data: unknown])[]): string[] {
  return messages.flatMap(([ms, data]) => alerts(one.accept({ data }, ms)));
}

describe('the alert condition', () => {
  it('is true by default', () => {
    assert.deepEqual(
      all(channel({}), [
        [0, false],
        [1, true],
        [2, true],
        [3, false],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may be false, as of a heartbeat', () => {
    assert.deepEqual(
      all(channel({ alert_when: false }), [
        [0, true],
        [1, false],
        [2, true],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may be a number beyond a limit, and each time is an incident of its own', () => {
    const messages = [
      [0, 60],
      [1, 60.1],
      [2, 70],
      [3, 60],
      [4, 61],
    ] as const;
    assert.deepEqual(all(channel({ alert_when: '> 60' }), messages), ['raised i1', 'cleared i1', 'raised i2']);
  });

  it('may be a string other than one', () => {
    assert.deepEqual(
      all(channel({ alert_when: '!= None' }), [
        [0, 'None'],
        [1, 'Smoke'],
        [2, 'Fire'],
        [3, 'None'],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('may have a gap in which it goes on', () => {
    const one = channel({ alert_when: { raise: '> 60', clear: '< 50' } });
    assert.deepEqual(
      all(one, [
        [0, 55],
        [1, 61],
        [2, 55],
        [3, 61],
        [4, 49],
        [5, 55],
      ]),
      ['raised i1', 'cleared i1'],
    );
  });

  it('is nothing that can’t be read: what stands still stands, and the row says what was bad', () => {
    const one = channel({ alert_when: '> 60' });
    assert.deepEqual(
      all(one, [
        [0, 70],
        [1, Number.NaN],
        [2, 'hot'],
      ]),
      ['raised i1'],
    );
    assert.deepEqual(one.accept({ data: Number.NaN }, 3), [{ class: 'telemetry', channel: 'c', value: null, extra: { bad: 'nan' } }]);
    assert.deepEqual(all(one, [[4, 10]]), ['cleared i1']);
  });
});

describe('debounce and hold', () => {
  it('raise once it has been true for long enough', () => {
    const one = channel({ debounce: '300ms' });
    assert.deepEqual(
      all(one, [
        [0, false],
        [10, true],
        [200, false],
        [210, true],
        [400, true],
      ]),
      [],
    );
    assert.equal(one.dueMs, 510);
    assert.deepEqual(alerts(one.elapse(509)), []);
    assert.deepEqual(alerts(one.elapse(510)), ['raised i1']);
  });

  it('clear once it has been false for long enough', () => {
    const one = channel({ hold: '5s' });
    assert.deepEqual(
      all(one, [
        [0, true],
        [100, false],
        [4_000, true],
        [4_100, false],
      ]),
      ['raised i1'],
    );
    assert.deepEqual(alerts(one.elapse(9_099)), []);
    assert.deepEqual(alerts(one.elapse(9_100)), ['cleared i1']);
  });

  it('don’t take what can’t be read for an end', () => {
    const one = channel({ hold: '1s', alert_when: '> 60' });
    assert.deepEqual(
      all(one, [
        [0, 70],
        [100, 10],
        [900, Number.NaN],
        [1_000, 10],
      ]),
      ['raised i1'],
    );
    assert.equal(one.dueMs, 2_000);
  });

  it('let a boolean that is no alert be seen as they see it', () => {
    const one = channel({ class: 'telemetry', debounce: '300ms', hold: '1s' });
    const values = (rows: readonly NewRow[]) => rows.flatMap((row) => ('value' in row ? [row.value] : []));
    assert.deepEqual(values(one.accept({ data: false }, 0)), [false]);
    assert.deepEqual(values(one.accept({ data: true }, 10)), []);
    assert.deepEqual(values(one.elapse(310)), [true]);
    assert.deepEqual(values(one.accept({ data: false }, 400)), []);
    assert.deepEqual(values(one.elapse(1_400)), [false]);
  });
});

describe('silence', () => {
  it('is an alert of its own, from the start on, and over with the next message', () => {
    const one = channel({ max_silence: '10s' });
    assert.equal(one.dueMs, 10_000);
    assert.deepEqual(alerts(one.elapse(10_000)), ['c_silent raised i1']);
    assert.ok(one.silent);
    assert.deepEqual(alerts(one.accept({ data: false }, 12_000)), ['c_silent cleared i1']);
    assert.ok(!one.silent);
    assert.equal(one.dueMs, 22_000);
  });

  it('does not end the alert that stands', () => {
    const one = channel({ max_silence: '10s' });
    assert.deepEqual(all(one, [[0, true]]), ['raised i1']);
    assert.deepEqual(alerts(one.elapse(10_000)), ['c_silent raised i2']);
    assert.ok(one.status(10_000).alert);
  });

  it('that stood before a restart is cleared after it, under its incident', () => {
    const { c } = configSchema.shape.channels.parse({ c: { topic: '/t', max_silence: '10s' } });
    assert.ok(c);
    const one = new Channel('c', c, { standing: new Map([['c_silent', { alert: 'raised', incident: 'old' }]]) });
    assert.deepEqual(alerts(one.accept({ data: 1 }, 5)), ['c_silent cleared old']);
  });
});

describe('a diagnostics channel', () => {
  const status = (name: string, level: number, values: Record<string, string> = {}) => ({
    name,
    level,
    message: `it is ${level}`,
    values: Object.entries(values).map(([key, value]) => ({ key, value })),
  });
  const message = {
    status: [status('motors: left', 1, { temperature: '61.5', brake: 'True' }), status('motors: right', 2), status('lidar', 0)],
  };
  const read = (diagnostics: object) => {
    const one = channel({ class: 'telemetry', diagnostics });
    return one.accept(message, 0).flatMap((row) => ('value' in row ? [row.value] : []));
  };

  it('takes a status by name: its level, its message, or a key as what it was', () => {
    assert.deepEqual(read({ name: 'lidar' }), [0]);
    assert.deepEqual(read({ name: 'lidar', take: 'message' }), ['it is 0']);
    assert.deepEqual(read({ name: 'motors: left', key: 'temperature' }), [61.5]);
    assert.deepEqual(read({ name: 'motors: left', key: 'brake' }), [true]);
  });

  it('takes the worst of several', () => {
    assert.deepEqual(read({ name: 'motors*' }), [2]);
  });

  it('says nothing of a message that says nothing of it', () => {
    assert.deepEqual(read({ name: 'camera' }), []);
    assert.deepEqual(read({ name: 'lidar', key: 'speed' }), []);
  });

  it('can raise an alert', () => {
    const one = channel({ diagnostics: { name: 'motors*' }, alert_when: '>= 2' });
    assert.deepEqual(alerts(one.accept(message, 0)), ['raised i1']);
  });
});
