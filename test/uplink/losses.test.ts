// Checks how the ends of connections are explained: histories as they were seen or are documented, and random ones.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CALM_MS, type Explanation, explain, type PastLoss, recent, SESSION_TAKEN_OVER } from '../../src/uplink/losses/explain.ts';
import { LossWatch, pingEveryMs } from '../../src/uplink/losses/watch.ts';
import { CODES, textOf } from '../../src/uplink/losses/words.ts';

type Given = Partial<Omit<PastLoss, 'atMs'>> & { readonly waitedS?: number };

/** Plays losses one after the other: each connection is made `waitedS` after the loss before it. */
function play(watch: LossWatch, losses: readonly Given[]): (Explanation | undefined)[] {
  let nowMs = 0;
  return losses.map(({ waitedS = 2, wasRefused = false, lastedMs = 1_000, idleMs = 0, isAnswered = true, reason }) => {
    nowMs += waitedS * 1_000 + lastedMs;
    watch.ended({ atMs: nowMs, lastedMs, idleMs, isAnswered, reason });
    if (wasRefused) watch.failed(nowMs, 'broker_refused_connection');
    return watch.explanation;
  });
}

const kinds = (losses: readonly Given[], watch = new LossWatch()) => play(watch, losses).map((explanation) => explanation?.kind ?? '-');
const last = (losses: readonly Given[]) => kinds(losses).at(-1);
const lasted = (...seconds: number[]): Given[] => seconds.map((s) => ({ lastedMs: s * 1_000, idleMs: s * 900 }));

/** Seconds for which connections last if another agent backs off for 1 s to 2 s, to 4 s, and so on. */
const RIVAL = [1.3, 2.9, 5.1, 12.4, 9.7, 31.2, 17.8];

describe('the explanation of ending connections', () => {
  const HISTORIES: readonly { what: string; losses: readonly Given[]; explanation: string }[] = [
    { what: 'three reports of a takeover', losses: Array(3).fill({ lastedMs: 30_000, reason: SESSION_TAKEN_OVER }), explanation: 'taken' },
    { what: 'two reports of a takeover', losses: Array(2).fill({ lastedMs: 30_000, reason: SESSION_TAKEN_OVER }), explanation: '-' },
    { what: 'another client with a backoff', losses: lasted(...RIVAL), explanation: 'taken' },
    { what: 'another client that reconnects at once', losses: lasted(0.03, 0.05, 0.04, 0.03, 0.05), explanation: 'taken' },
    { what: 'another client that reconnects every 5 s', losses: lasted(5.02, 5.05, 5.01, 5.04), explanation: 'idle' },
    {
      what: 'another client that reconnects every 5 s, and a robot that sends',
      losses: lasted(5.02, 5.05, 5.01, 5.04).map((loss, i) => ({ ...loss, idleMs: i * 900 })),
      explanation: 'limit',
    },
    { what: 'four irregular ends', losses: lasted(...RIVAL.slice(0, 4)), explanation: '-' },
    { what: 'a crash-looping broker', losses: lasted(...RIVAL).map((loss) => ({ ...loss, wasRefused: true })), explanation: 'restarts' },
    {
      what: 'a broker that crashes every 8 s',
      losses: lasted(8, 8.1, 8, 8).map((loss) => ({ ...loss, wasRefused: true })),
      explanation: 'restarts',
    },
    {
      what: 'a broker that is shut down again and again',
      losses: Array(3).fill({ lastedMs: 20_000, reason: 0x8b }),
      explanation: 'restarts',
    },
    { what: 'two restarts in half an hour', losses: lasted(400, 500).map((loss) => ({ ...loss, wasRefused: true })), explanation: '-' },
    {
      what: 'an idle timeout of 10 s, whatever the robot did before',
      losses: [12, 10.1, 31, 14].map((s, i) => ({ lastedMs: s * 1_000, idleMs: 10_000 + i * 90 })),
      explanation: 'idle',
    },
    {
      what: 'an idle timeout that resets the connection',
      losses: Array(4).fill({ lastedMs: 12_000, idleMs: 10_000, reason: 'ECONNRESET' }),
      explanation: 'idle',
    },
    {
      what: 'a time limit of a minute on a robot that sends every few seconds',
      losses: [1, 3, 0.2, 2].map((s) => ({ lastedMs: 60_100, idleMs: s * 1_000 })),
      explanation: 'limit',
    },
    {
      what: 'a time limit on a robot that sends all the time',
      losses: [1, 2, 3, 4].map((s) => ({ lastedMs: 2_400, idleMs: s * 80, isAnswered: s !== 2 })),
      explanation: 'limit',
    },
    {
      what: 'the same time with most messages unanswered',
      losses: Array.from({ length: 8 }, (_, i) => ({ lastedMs: 2_400, idleMs: i * 80, isAnswered: i % 4 === 0 })),
      explanation: '-',
    },
    {
      what: 'a broker that closes the connection for a forbidden message',
      losses: Array(8).fill({ lastedMs: 1_100, idleMs: 20, isAnswered: false }),
      explanation: '-',
    },
    {
      what: 'a broker that closes the connection for a message that is forbidden now and then',
      losses: lasted(...RIVAL).map((loss) => ({ ...loss, isAnswered: false })),
      explanation: '-',
    },
    { what: 'a bad link', losses: lasted(...RIVAL).map((loss) => ({ ...loss, reason: 'ECONNRESET' })), explanation: '-' },
    {
      what: 'a broker that stops answering',
      losses: Array(8).fill({ lastedMs: 45_000, idleMs: 15_000, reason: 'NO_ANSWER' }),
      explanation: '-',
    },
    { what: 'an exceeded quota', losses: Array(8).fill({ lastedMs: 10_000, idleMs: 10_000, reason: 0x97 }), explanation: '-' },
    { what: 'connections that last', losses: lasted(700, 900, 1_200, 3_000, 650, 900), explanation: '-' },
    {
      what: 'the same time, but hours apart',
      losses: lasted(60, 60, 60, 60).map((loss) => ({ ...loss, waitedS: 1_300 })),
      explanation: '-',
    },
  ];

  for (const { what, losses, explanation } of HISTORIES) {
    it(`is ${explanation === '-' ? 'open' : `"${CODES[explanation as Explanation['kind']]}"`} for ${what}`, () => {
      assert.equal(last(losses), explanation);
    });
  }

  it('is an idle timeout first, and a time limit if pings do not help', () => {
    const quiet: Given = { lastedMs: 10_100, idleMs: 10_000 };
    const watch = new LossWatch();
    assert.deepEqual(kinds([quiet, quiet, quiet, quiet], watch), ['-', '-', '-', 'idle']);
    assert.equal(watch.pingEveryMs, 6_000);
    const pinged: Given = { lastedMs: 10_100, idleMs: 4_100 };
    assert.deepEqual(kinds([pinged, pinged], watch), ['idle', 'limit']);
    assert.equal(watch.pingEveryMs, undefined, 'the pings did not help');
    assert.deepEqual(kinds([quiet, quiet, quiet, quiet, quiet], watch).at(-1), 'limit', 'it does not alternate');
  });

  it('keeps the pings for the run, although the connections last now', () => {
    const watch = new LossWatch();
    play(watch, Array(4).fill({ lastedMs: 20_300, idleMs: 20_000 }));
    watch.reset();
    assert.deepEqual([watch.pingEveryMs, watch.explanation?.kind], [12_000, 'idle']);
  });

  it('does not count the ends of an idle timeout as those of another client', () => {
    const idle = Array<Given>(4).fill({ lastedMs: 10_300, idleMs: 10_000 });
    assert.deepEqual(kinds([...idle, ...lasted(4, 90, 7.5)]).slice(-3), ['idle', 'idle', 'idle']);
    assert.equal(last([...idle, ...lasted(...RIVAL)]), 'taken');
  });

  it('stays another client while both wait for a minute, until a connection lasts or the broker is out of reach', () => {
    const watch = new LossWatch();
    play(watch, lasted(...RIVAL));
    assert.deepEqual(kinds(lasted(61, 61, 61, 61, 61), watch).at(-1), 'taken');
    watch.failed(1e9, 'broker_unreachable');
    assert.equal(watch.explanation, undefined);
    play(watch, lasted(...RIVAL));
    watch.reset();
    assert.equal(watch.explanation, undefined);
  });

  it('explains a failed attempt only for a broker that restarts', () => {
    const taken = new LossWatch();
    play(taken, lasted(...RIVAL));
    assert.equal(taken.failed(100_000, 'broker_hung_up'), undefined);
    assert.equal(taken.failed(100_000, 'certificate_refused'), undefined);
    const restarting = new LossWatch();
    play(restarting, Array(3).fill({ wasRefused: true }));
    assert.equal(restarting.failed(20_000, 'broker_refused_connection')?.kind, 'restarts');
    assert.equal(restarting.failed(20_000 + CALM_MS, 'broker_refused_connection'), undefined, 'the broker is simply away');
  });

  it('is an idle timeout for any exact silence, and never for random times', () => {
    const lastedS = fc.double({ min: 0, max: 250, noNaN: true });
    const jitterMs = fc.integer({ min: 0, max: 450 });
    fc.assert(
      fc.property(
        fc.integer({ min: 3_000, max: 300_000 }),
        fc.array(fc.tuple(lastedS, jitterMs), { minLength: 4, maxLength: 20 }),
        (idleMs, ends) => {
          const losses = ends.map(([s, ms]) => ({ lastedMs: idleMs + s * 1_000, idleMs: idleMs + ms }));
          const explanation = play(new LossWatch(), losses).at(-1);
          assert.equal(explanation?.kind, 'idle');
          assert.ok(explanation?.kind === 'idle' && explanation.idleMs >= idleMs && explanation.idleMs <= idleMs + 450);
          const everyMs = pingEveryMs(explanation.idleMs);
          assert.ok(everyMs === undefined ? idleMs <= 5_000 : everyMs >= 5_000 && everyMs < idleMs + 450);
        },
      ),
    );
  });

  it('is another client for random times, in at least 99 of 100 histories', () => {
    let wrong = 0;
    const backoffs = fc.tuple(...[2, 4, 8, 16, 32, 64, 128].map((s) => fc.noBias(fc.integer({ min: 1_000, max: s * 1_000 }))));
    for (const times of fc.sample(backoffs, { numRuns: 2_000, seed: 21 })) {
      if (last(times.map((ms) => ({ lastedMs: ms, idleMs: ms * 0.9 }))) !== 'taken') wrong++;
    }
    assert.ok(wrong <= 20, `${wrong} of 2000`);
  });

  it('uses the last half hour, and nothing before a connection that lasted', () => {
    const at = (minutes: number, lastedMs = 1_000): PastLoss => ({
      ...{ atMs: minutes * 60_000, lastedMs, idleMs: 0, isAnswered: true, reason: undefined, wasRefused: false },
    });
    assert.deepEqual(
      recent([at(0), at(10), at(39)]).map(({ atMs }) => atMs / 60_000),
      [10, 39],
    );
    assert.deepEqual(
      recent([at(0), at(20, CALM_MS + 1), at(21)]).map(({ atMs }) => atMs / 60_000),
      [21],
    );
    assert.equal(explain([], undefined), undefined);
  });

  it('is a sentence with the time, the place and what the agent does', () => {
    const facts = { thing: 'elderly-bot', endpoint: 'broker.lan:8883', pingEveryMs: 6_000 };
    assert.deepEqual(
      [
        textOf({ kind: 'idle', idleMs: 10_012 }, facts),
        textOf({ kind: 'idle', idleMs: 4_012 }, { ...facts, pingEveryMs: undefined }),
        textOf({ kind: 'limit', lastedMs: 60_040 }, facts),
        textOf({ kind: 'restarts', times: 3 }, facts),
        textOf({ kind: 'taken', isReported: true }, facts),
        textOf({ kind: 'taken', isReported: false }, facts),
      ],
      [
        'something between the robot and broker.lan:8883 closes connections that are idle for 10 s; the agent now pings after 6 s',
        'something between the robot and broker.lan:8883 closes connections that are idle for 4 s; that is too short for the agent to keep a connection open',
        'each connection to broker.lan:8883 ends 60 s after it was made, idle or not: something on the way limits their time, or another client with this name connects again after a fixed time',
        'broker.lan:8883 ended the last 3 connections and then refused new ones: the broker crashes or is restarted repeatedly',
        'the broker reports repeatedly that another client took over the connection of elderly-bot; the agent reconnects about every 5 min, and at once for an alert',
        'the broker repeatedly closes working connections of elderly-bot without a reason, as it does when another client connects with this name; the agent reconnects about every 1 min, and at once for an alert',
      ],
    );
  });
});
