// Tests when a problem is reported and shown: immediately or after a delay, and not while another problem explains it.
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { PROBLEMS, type ProblemEntry, Problems } from '../../src/status/index.ts';

function fixture() {
  const reports: string[] = [];
  let nowMs = 0;
  const problems = new Problems(
    () => nowMs,
    (state, { code }) => void reports.push(`${state} ${code}`),
  );
  const pass = (ms: number) => {
    nowMs += ms;
    mock.timers.tick(ms);
  };
  const shown = () => problems.standing().map(({ code }) => code);
  return { problems, reports, pass, shown };
}

describe('a problem', () => {
  it('is reported once, and its end once', () => {
    const { problems, reports, shown } = fixture();
    for (const _again of [1, 2]) problems.raise('channel_off', 'x', 'gas');
    problems.raise('channel_off', 'x', 'fire');
    assert.deepEqual(shown(), ['channel_off', 'channel_off']);
    for (const _again of [1, 2]) problems.clear('channel_off', 'gas');
    assert.deepEqual(reports, ['raised channel_off', 'raised channel_off', 'cleared channel_off']);
  });

  it('is neither reported nor shown if it ends within its delay', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { problems, reports, pass, shown } = fixture();
    problems.raise('mqtt_ended', 'x');
    pass(4_900);
    problems.clear('mqtt_ended');
    problems.raise('mqtt_ended', 'again');
    pass(4_900);
    assert.deepEqual([reports, shown()], [[], []]);
    pass(100);
    assert.deepEqual([reports, shown()], [['raised mqtt_ended'], ['mqtt_ended']]);
    mock.timers.reset();
  });

  it('is never reported after the end, at once or by a timer', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { problems, reports, pass, shown } = fixture();
    problems.raise('channel_off', 'x');
    problems.raise('mqtt_ended', 'x');
    problems.end();
    problems.raise('broker_silent', 'x');
    problems.clear('channel_off');
    pass(60_000);
    assert.deepEqual(reports, ['raised channel_off']);
    assert.ok(shown().includes('broker_silent'));
    mock.timers.reset();
  });

  it('is not reported while another problem explains it, but after the end of that problem', () => {
    const { problems, reports, shown } = fixture();
    problems.raise('broker_unreachable', 'x');
    problems.raise('uploads_failing', 'x');
    assert.deepEqual([reports, shown()], [['raised broker_unreachable'], ['broker_unreachable']]);
    problems.clear('broker_unreachable');
    assert.deepEqual(reports.slice(1), ['cleared broker_unreachable', 'raised uploads_failing']);
  });

  it('is hidden if another problem explains it later, and its end is reported', () => {
    const { problems, reports, shown } = fixture();
    problems.raise('uploads_failing', 'x');
    problems.raise('broker_unreachable', 'x');
    assert.deepEqual(shown(), ['broker_unreachable']);
    problems.clear('uploads_failing');
    assert.deepEqual(reports.at(-1), 'cleared uploads_failing');
  });

  it('hides only existing problems that are not critical and hide no others', () => {
    const entries: Readonly<Record<string, ProblemEntry>> = PROBLEMS;
    for (const [code, { hides = [] }] of Object.entries(entries)) {
      for (const hidden of hides) {
        assert.ok(entries[hidden], `${code} hides ${hidden}`);
        assert.notEqual(entries[hidden]?.severity, 'critical');
        assert.equal(entries[hidden]?.hides, undefined);
      }
    }
  });
});
