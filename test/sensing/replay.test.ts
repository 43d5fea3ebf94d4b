import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { configSchema } from '../../src/config/index.ts';
import { type RecordedReading, replay } from '../../src/sensing/index.ts';

const START = Date.UTC(2026, 10, 1);
const reading = (seconds: number, value: RecordedReading['value'], alert?: 'raised' | 'cleared', channel = 'hot'): RecordedReading => ({
  at: START + seconds * 1_000,
  channel,
  value,
  ...(alert ? { alert } : {}),
});
const channels = (hot: object) => configSchema.shape.channels.parse({ hot: { topic: '/hot', class: 'alert', ...hot } });

/** The recorded alert is above 60, from 10 s to 20 s. The values are above 50 from 5 s to 20 s, and again at 40 s. */
const RECORD = [reading(0, 20), reading(5, 55), reading(10, 65, 'raised'), reading(20, 40, 'cleared'), reading(40, 55), reading(45, 20)];
const replayed = (hot: object) =>
  replay(RECORD, channels(hot)).map(({ change, after }) => [change, after && (after.raised - START) / 1_000]);

describe('recorded readings under another configuration', () => {
  it('have the same alerts under the same rules', () => assert.deepEqual(replayed({ alert_when: '> 60' }), [['same', 10]]));

  it('have moved alerts and new alerts under looser rules', () => {
    assert.deepEqual(replayed({ alert_when: '> 50' }), [
      ['moved', 5],
      ['appeared', 40],
    ]);
    assert.deepEqual(replayed({ alert_when: '> 60', debounce: '3s' }), [['moved', 13]]);
  });

  it('lose an alert under stricter rules or without its channel', () => {
    assert.deepEqual(replayed({ alert_when: '> 90' }), [['vanished', null]]);
    assert.deepEqual(replayed({ alert_when: '> 60', debounce: '15s' }), [['vanished', null]]);
    assert.deepEqual(
      replay(RECORD, {}).map(({ change }) => change),
      ['vanished'],
    );
  });

  it('have one alert for the rows of an alert that flapped', () => {
    const rows = [reading(0, 65, 'raised'), reading(60, 65, 'raised'), reading(120, 40, 'cleared')];
    const found = replay(rows, channels({ alert_when: '> 60' })).map(({ change, before }) => [
      change,
      (before?.raised ?? 0) - START,
      (before?.cleared ?? 0) - START,
    ]);
    assert.deepEqual(found, [['same', 0, 120_000]]);
  });

  it('do not treat a silence as a channel', () => {
    assert.deepEqual(replay([reading(3, true, 'raised', 'hot_silent')], channels({ alert_when: '> 60', max_silence: '1s' })), []);
  });
});

describe('a replayed event', () => {
  const event = (clearAfter: string) => channels({ event: true, clear_after: clearAfter });
  const cleared = (seconds: number, occurrences: number) => ({ ...reading(seconds, false, 'cleared'), occurrences });
  const changes = (record: readonly RecordedReading[], clearAfter = '30s') =>
    replay(record, event(clearAfter)).map(({ change, after }) => [
      change,
      after && [after.raised, after.cleared].map((at) => at && (at - START) / 1_000),
    ]);

  it('stays the same, also with occurrences that only the clearing row counts, and with a late timer', () => {
    assert.deepEqual(changes([reading(0, true, 'raised'), { ...cleared(30, 1), at: START + 30_007 }]), [['same', [0, 30]]]);
    assert.deepEqual(changes([reading(0, true, 'raised'), cleared(95, 4)]), [['same', [0, 95]]]);
  });

  it('moves with another clear_after if all its occurrences were recorded', () => {
    assert.deepEqual(changes([reading(0, true, 'raised'), cleared(30, 1)], '10s'), [['moved', [0, 10]]]);
    assert.deepEqual(changes([reading(0, true, 'raised'), reading(20, true), cleared(50, 2)], '10s'), [
      ['moved', [0, 10]],
      ['appeared', [20, 30]],
    ]);
  });

  it('still stands if it stood when the record ended', () => {
    assert.deepEqual(changes([reading(0, true, 'raised'), reading(10, false)]), [['same', [0, null]]]);
  });

  it('appears for each fall of a detector that never said false', () => {
    const falls = [reading(0, true, 'raised'), reading(120, true), reading(240, true), reading(300, 1, undefined, 'other')];
    assert.deepEqual(changes(falls), [
      ['moved', [0, 30]],
      ['appeared', [120, 150]],
      ['appeared', [240, 270]],
    ]);
  });
});

describe('elderly-bot replay', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-replay-'));
    writeFileSync(join(folder, 'new.yaml'), 'channels:\n  hot: { topic: /hot, class: alert, alert_when: "> 50" }\n');
    writeFileSync(join(folder, 'record.jsonl'), RECORD.map((each) => `${JSON.stringify({ outbox: 'o', seq: 1, ...each })}\n`).join(''));
    writeFileSync(join(folder, 'broken.jsonl'), `${JSON.stringify(RECORD[0])}\n{"at": 1,\n`);
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = async (record: string) => {
    const program = new Program('replay', AGENT, ['replay', join(folder, record), '--config', join(folder, 'new.yaml'), '--json']);
    return { code: await program.exited, lines: program.lines, stderr: program.stderr };
  };

  it('reads an export of the outbox, and exits with 1 if an alert changes', async () => {
    const { code, lines } = await run('record.jsonl');
    assert.equal(code, 1);
    assert.match(JSON.stringify(lines), /moved.*appeared/);
  });

  it('names the invalid line of the record', async () => {
    const { code, stderr } = await run('broken.jsonl');
    assert.equal(code, 2);
    assert.match(stderr, /broken\.jsonl:2: not JSON; expected one reading per line/);
    assert.match((await run('none.jsonl')).stderr, /none\.jsonl: no such file/);
  });
});
