// Tests the pure decisions about refused messages: how long a lane waits, how many rows it may send then, and which right is missing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refusalText } from '../../src/uplink/answers.ts';
import { type Lane, Lanes } from '../../src/uplink/lanes.ts';

const ROW = { key: '1/1', rows: 1, mayPoison: true };
const LONGEST_WAIT = 0.999;

/** Refuses every try of the lane for ten minutes. @returns the times of the tries. */
function triesIn(lane: Lane): number[] {
  const lanes = new Lanes({ minMs: 1_000, maxMs: 300_000 }, () => LONGEST_WAIT);
  const tries: number[] = [];
  for (let nowMs = 0; nowMs < 600_000; nowMs += 100) {
    if (lanes.maxRows(lane, nowMs) === 0) continue;
    tries.push(nowMs);
    lanes.sent(lane);
    assert.equal(lanes.refused(lane, 'right', ROW, nowMs), false);
  }
  return tries;
}

describe('a lane that the broker refuses', () => {
  it('is tried again at most 10 s apart for alerts, and 60 s for other rows', () => {
    for (const [lane, longestMs] of [
      ['alert', 10_000],
      ['event', 60_000],
      ['backlog', 60_000],
    ] as const) {
      const tries = triesIn(lane);
      const gaps = tries.slice(1).map((ms, i) => ms - (tries[i] ?? 0));
      assert.ok(Math.max(...gaps) <= longestMs, `${lane}: ${gaps.join(' ')}`);
      assert.ok(Math.min(...gaps.slice(-3)) > longestMs / 2, `${lane}: ${gaps.join(' ')}`);
    }
  });

  it('does not close the other lanes, and has one message in flight until the broker accepts one', () => {
    const lanes = new Lanes({ minMs: 1_000, maxMs: 300_000 }, () => 0);
    lanes.refused('live', 'right', ROW, 0);
    assert.deepEqual([lanes.maxRows('live', 0), lanes.maxRows('alert', 0), lanes.waitMs(0)], [0, 1_000, 1_000]);
    assert.equal(lanes.maxRows('live', 1_000), 1_000);
    lanes.sent('live');
    assert.deepEqual([lanes.maxRows('live', 1_000), lanes.waitMs(1_000)], [0, undefined]);
    lanes.acknowledged('live', ROW.key);
    lanes.sent('live');
    assert.equal(lanes.maxRows('live', 1_000), 1_000);
  });

  it('counts the messages that were in flight together as one failure', () => {
    const lanes = new Lanes({ minMs: 1_000, maxMs: 300_000 }, () => LONGEST_WAIT);
    for (let i = 0; i < 20; i++) lanes.refused('backlog', 'quota', ROW, 0);
    assert.ok((lanes.waitMs(0) ?? 0) <= 2_000);
  });

  it('finds the one row of a thousand that is refused for its content', () => {
    const lanes = new Lanes({ minMs: 1, maxMs: 10 }, () => 0);
    const pending = Array.from({ length: 1_000 }, (_, i) => i);
    const poison: number[] = [];
    for (let nowMs = 0; pending.length > 0 && nowMs < 200; nowMs++) {
      const rows = pending.slice(0, lanes.maxRows('backlog', nowMs));
      if (rows.length === 0) continue;
      const key = String(rows[0]);
      lanes.sent('backlog');
      if (!rows.includes(617)) lanes.acknowledged('backlog', key);
      else if (lanes.refused('backlog', 'payload', { key, rows: rows.length, mayPoison: true }, nowMs)) poison.push(...rows);
      else continue;
      pending.splice(0, rows.length);
    }
    assert.deepEqual([poison, pending], [[617], []]);
  });
});

describe('the text about a refused topic', () => {
  it('names the right in the terms of the broker', () => {
    const iot = { host: 'x-ats.iot.eu-central-1.amazonaws.com', thing: 'bot' };
    const denied = (host: { host: string; thing: string }) => refusalText('right', 'not authorized (0x87)', 'fleet/x/telemetry', host);
    assert.match(denied(iot), /grant iot:Publish on arn:aws:iot:eu-central-1:ACCOUNT:topic\/fleet\/x\/telemetry/);
    assert.match(denied({ host: 'localhost', thing: 'bot' }), /for user bot: `topic write fleet\/x\/telemetry`/);
  });
});
