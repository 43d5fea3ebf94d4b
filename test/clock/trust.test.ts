import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUILD_FLOOR_MS, cloudTimeOf, judge, knownAfter, type TimeFacts } from '../../src/clock/index.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const NOW = BUILD_FLOOR_MS + 100 * DAY_MS;
const MONO = 3_600_000;

/** The cloud read its clock when it showed `cloudMs`, at most 2 s before now. */
const cloud = (cloudMs: number) => cloudTimeOf(cloudMs, MONO - 2_000, MONO);

const facts = (over: Partial<TimeFacts>): TimeFacts => ({
  wallMs: NOW,
  monoMs: MONO,
  knownMs: 0,
  service: 'unknown',
  synchronisedOffsetMs: over.service === 'synchronised' ? NOW - MONO : undefined,
  cloud: undefined,
  ...over,
});

const judged = (over: Partial<TimeFacts>): string => {
  const trust = judge(facts(over));
  return trust.trusted ? `trusted by ${trust.by ?? 'nothing'}` : trust.why;
};

const CASES: readonly (readonly [situation: string, expected: string, over: Partial<TimeFacts>])[] = [
  ['nothing is known', 'trusted by nothing', {}],
  ['1970', 'before_build', { wallMs: 0 }],
  ['1970, which the time service calls synchronised', 'before_build', { wallMs: 0, service: 'synchronised' }],
  ['the day of the first commit', 'trusted by nothing', { wallMs: BUILD_FLOOR_MS }],
  ['before a known time', 'before_known', { knownMs: NOW + 1 }],
  ['before a known time, no time service runs', 'before_known', { knownMs: NOW + DAY_MS, service: 'off' }],
  ['before a known time, synchronised', 'trusted by time_service', { knownMs: NOW + DAY_MS, service: 'synchronised' }],
  ['before a known time, the cloud agrees', 'trusted by cloud', { knownMs: NOW + DAY_MS, cloud: cloud(NOW) }],
  ['the time service has not synchronised yet', 'not_synchronised', { service: 'unsynchronised' }],
  ['not synchronised, the cloud agrees', 'trusted by cloud', { service: 'unsynchronised', cloud: cloud(NOW) }],
  ['no time service runs', 'trusted by nothing', { service: 'off' }],
  ['20 days ahead of the cloud', 'differs_from_cloud', { cloud: cloud(NOW - 20 * DAY_MS) }],
  ['a day behind the cloud', 'differs_from_cloud', { cloud: cloud(NOW + DAY_MS), knownMs: NOW - DAY_MS }],
  ['a minute ahead of the cloud', 'trusted by cloud', { cloud: cloud(NOW - MINUTE_MS) }],
  ['synchronised, but the cloud differs', 'trusted by time_service', { service: 'synchronised', cloud: cloud(NOW + DAY_MS) }],
  [
    'an hour later than when it was synchronised',
    'trusted by time_service',
    { service: 'synchronised', monoMs: 2 * MONO, wallMs: NOW + MONO },
  ],
  ['set back since it was synchronised', 'not_synchronised', { service: 'synchronised', synchronisedOffsetMs: NOW - MONO + MONO }],
  [
    'set right by the cloud since it was synchronised',
    'trusted by cloud',
    { service: 'synchronised', synchronisedOffsetMs: NOW - MONO + MONO, cloud: cloud(NOW) },
  ],
  ['the cloud was heard an hour ago', 'trusted by cloud', { cloud: cloud(NOW), monoMs: 2 * MONO, wallMs: NOW + MONO }],
  ['set ahead since the cloud was heard', 'differs_from_cloud', { cloud: cloud(NOW), wallMs: NOW + MONO }],
];

describe('the wall clock', () => {
  for (const [situation, expected, over] of CASES) {
    it(`is judged as ${expected}: ${situation}`, () => assert.equal(judged(over), expected));
  }
});

describe('the cloud’s time', () => {
  it('is a span from the answer to the time that the question took', () => {
    assert.deepEqual(cloudTimeOf(NOW, 1_000, 5_000), { earliestMs: NOW, latestMs: NOW + 4_000, monoMs: 5_000 });
  });

  it('accepts a clock within the span of a late answer, and 2 minutes around it', () => {
    const late = cloudTimeOf(NOW, MONO - 5 * MINUTE_MS, MONO);
    const agrees = (minutes: number) => judged({ cloud: late, wallMs: NOW + minutes * MINUTE_MS }) === 'trusted by cloud';
    assert.deepEqual(
      [-2, -1, 0, 5, 6, 7].map((minutes) => agrees(minutes)),
      [false, true, true, true, true, false],
    );
  });

  it('is unknown if the answer took more than 10 minutes, or answers a message that is not of this run', () => {
    assert.equal(cloudTimeOf(NOW, 0, 10 * MINUTE_MS + 1), undefined);
    assert.equal(cloudTimeOf(NOW, 5_001, 5_000), undefined);
  });
});

describe('the known time', () => {
  const known = (over: Partial<TimeFacts>, isConnected: boolean) => {
    const all = facts(over);
    return knownAfter(judge(all), all, isConnected);
  };
  const AHEAD = NOW + 20 * DAY_MS;

  it('follows a clock that a time service or the cloud confirms, also back', () => {
    assert.equal(known({ knownMs: AHEAD, service: 'synchronised' }, false), NOW);
    assert.equal(known({ knownMs: AHEAD, cloud: cloud(NOW - 1_000) }, true), NOW - 1_000);
    assert.equal(known({ knownMs: 0, cloud: cloud(NOW + 1_000) }, true), NOW);
  });

  it('follows a clock that nothing contradicts only ahead, and only with a connection', () => {
    assert.equal(known({ knownMs: NOW - DAY_MS }, true), NOW);
    assert.equal(known({ knownMs: NOW - DAY_MS }, false), NOW - DAY_MS);
    assert.equal(known({ knownMs: AHEAD }, true), AHEAD);
  });

  it('does not follow a clock that is not trusted, although the broker’s certificate is valid at that time', () => {
    assert.equal(known({ knownMs: NOW, wallMs: AHEAD, service: 'unsynchronised' }, true), NOW);
    assert.equal(known({ knownMs: NOW, wallMs: AHEAD, cloud: cloud(NOW) }, true), NOW);
  });

  it('is never later than the cloud’s time, also while the clock is wrong', () => {
    assert.equal(known({ knownMs: AHEAD, wallMs: AHEAD, cloud: cloud(NOW) }, true), NOW + 2_000);
  });
});
