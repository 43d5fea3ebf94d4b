// When a problem is said and shown: at once or after a while, and not while another explains it.
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { PROBLEMS, type ProblemEntry, Problems } from '../../src/status/index.ts';

function world() {
  const told: string[] = [];
  let nowMs = 0;
  const problems = new Problems(
    () => nowMs,
    (state, { code }) => void told.push(`${state} ${code}`),
  );
  const pass = (ms: number) => {
    nowMs += ms;
    mock.timers.tick(ms);
  };
  const shown = () => problems.standing().map(({ code }) => code);
  return { problems, told, pass, shown };
}

describe('a problem', () => {
  it('is said once, and its end once', () => {
    const { problems, told, shown } = world();
    for (const _again of [1, 2]) problems.raise('channel_off', 'x', 'gas');
    problems.raise('channel_off', 'x', 'fire');
    assert.deepEqual(shown(), ['channel_off', 'channel_off']);
    for (const _again of [1, 2]) problems.clear('channel_off', 'gas');
    assert.deepEqual(told, ['raised channel_off', 'raised channel_off', 'cleared channel_off']);
  });

  it('that mends itself soon is neither said nor shown', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { problems, told, pass, shown } = world();
    problems.raise('mqtt_ended', 'x');
    pass(4_900);
    problems.clear('mqtt_ended');
    problems.raise('mqtt_ended', 'again');
    pass(4_900);
    assert.deepEqual([told, shown()], [[], []]);
    pass(100);
    assert.deepEqual([told, shown()], [['raised mqtt_ended'], ['mqtt_ended']]);
    mock.timers.reset();
  });

  it('is not said while another explains it, but when that ends', () => {
    const { problems, told, shown } = world();
    problems.raise('broker_unreachable', 'x');
    problems.raise('uploads_failing', 'x');
    assert.deepEqual([told, shown()], [['raised broker_unreachable'], ['broker_unreachable']]);
    problems.clear('broker_unreachable');
    assert.deepEqual(told.slice(1), ['cleared broker_unreachable', 'raised uploads_failing']);
  });

  it('that was said before another explained it goes out of sight, and its end is said', () => {
    const { problems, told, shown } = world();
    problems.raise('uploads_failing', 'x');
    problems.raise('broker_unreachable', 'x');
    assert.deepEqual(shown(), ['broker_unreachable']);
    problems.clear('uploads_failing');
    assert.deepEqual(told.at(-1), 'cleared uploads_failing');
  });

  it('hides only problems that there are, nothing critical, and nothing that hides others', () => {
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
