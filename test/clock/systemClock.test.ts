import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { BUILD_FLOOR_MS, type SystemClock, systemClock, type TimeService } from '../../src/clock/index.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const NOW = BUILD_FLOOR_MS + 100 * DAY_MS;

describe('the machine’s clock', () => {
  let wallMs: number;
  let monoMs: number;
  let service: TimeService;
  let asked: number;
  beforeEach(() => {
    [wallMs, monoMs, service, asked] = [NOW, 0, 'unknown', 0];
  });

  const clockOf = (knownMs: number): SystemClock =>
    systemClock(knownMs, {
      wall: () => wallMs,
      mono: () => monoMs,
      ask: async () => {
        asked++;
        return service;
      },
    });

  /** Lets time pass as in a running agent, which updates the clock every 5 s. */
  const pass = async (clock: SystemClock, ms: number, isConnected = false) => {
    for (const untilMs = monoMs + ms; monoMs < untilMs; ) {
      monoMs += 5_000;
      wallMs += 5_000;
      clock.update(isConnected);
      await Promise.resolve();
    }
  };

  it('says why it is not trusted', async () => {
    const clock = clockOf(NOW + 20 * DAY_MS);
    assert.equal(clock.distrust, 'the clock shows 2027-03-03, but this robot has already seen 2027-03-23 00:00 UTC');
    service = 'unsynchronised';
    await clock.ask();
    assert.equal(clock.distrust, 'the clock shows 2027-03-03, but the time service has not synchronised it');
    clock.hear(NOW - 20 * DAY_MS, monoMs);
    assert.equal(clock.distrust, 'the clock shows 2027-03-03 and is 20 days ahead of the cloud’s');
    clock.hear(NOW + 3_600_000, monoMs);
    assert.equal(clock.distrust, 'the clock shows 2027-03-03 and is 60 min behind the cloud’s');
    wallMs = 0;
    assert.equal(clock.distrust, 'the clock shows 1970-01-01, which is before this program was released');
    [wallMs, service] = [NOW, 'synchronised'];
    await clock.ask();
    assert.equal(clock.distrust, undefined);
  });

  it('asks the time service every 10 s until it is trusted, and never again once it is synchronised', async () => {
    service = 'unsynchronised';
    const clock = clockOf(0);
    await clock.ask();
    await pass(clock, MINUTE_MS);
    assert.equal(asked, 7);
    assert.equal(clock.trusted(), false);
    service = 'synchronised';
    await pass(clock, 10_000);
    assert.equal(clock.trusted(), true);
    await pass(clock, (30 * DAY_MS) / 100);
    assert.equal(asked, 8);
  });

  it('stays trusted if the time service loses its servers after it has synchronised', async () => {
    service = 'synchronised';
    const clock = clockOf(0);
    await clock.ask();
    service = 'unsynchronised';
    await pass(clock, DAY_MS);
    assert.deepEqual(clock.trust, { trusted: true, by: 'time_service' });
  });

  it('asks every 10 min if nothing contradicts it and nothing confirms it', async () => {
    const clock = clockOf(0);
    await clock.ask();
    await pass(clock, 60 * MINUTE_MS);
    assert.equal(asked, 7);
  });

  it('is not trusted after it was set, until the time service confirms it again', async () => {
    service = 'synchronised';
    const clock = clockOf(0);
    await clock.ask();
    await pass(clock, MINUTE_MS);
    wallMs -= 10 * MINUTE_MS;
    assert.equal(clock.trusted(), false);
    await pass(clock, 5_000);
    assert.equal(clock.trusted(), true);
  });

  it('follows small steps of the time service, which do not add up', async () => {
    service = 'synchronised';
    const clock = clockOf(0);
    await clock.ask();
    for (let step = 0; step < 10; step++) {
      wallMs += MINUTE_MS;
      await pass(clock, 5_000);
      assert.equal(clock.trusted(), true);
    }
    assert.equal(asked, 1);
  });

  it('keeps a known time that was ahead while only the broker’s certificate speaks for the present time', async () => {
    const clock = clockOf(NOW + 20 * DAY_MS);
    await pass(clock, DAY_MS, true);
    assert.equal(clock.trusted(), false);
    assert.equal(clock.knownMs, NOW + 20 * DAY_MS);
  });

  for (const source of ['the cloud', 'the time service']) {
    it(`corrects a known time that was ahead once ${source} confirms the present time`, async () => {
      const clock = clockOf(NOW + 20 * DAY_MS);
      await pass(clock, MINUTE_MS, true);
      if (source === 'the cloud') clock.hear(wallMs, monoMs - 100);
      else service = 'synchronised';
      await pass(clock, 10_000, true);
      assert.equal(clock.trusted(), true);
      assert.ok(Math.abs(clock.knownMs - wallMs) <= 10_000, `${clock.knownMs - wallMs}`);
    });
  }
});
