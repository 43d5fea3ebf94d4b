// A program named timedatectl stands for systemd: it answers, fails or hangs.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { askTimeService, systemClock, timeServiceOf } from '../../src/clock/index.ts';
import { fakeTimeService } from '../support/timeService.ts';
import { until } from '../support/until.ts';

describe('the time service', () => {
  const { PATH } = process.env;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-time-'));
  });
  afterEach(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  });

  /** @param script the lines of a shell script. */
  const ask = (script: string) => {
    process.env.PATH = fakeTimeService(folder, script).PATH;
    return askTimeService(new AbortController().signal);
  };

  it('says whether the clock is synchronised', async () => {
    assert.equal(await ask('echo NTP=yes; echo NTPSynchronized=yes'), 'synchronised');
    assert.equal(await ask('echo NTP=yes; echo NTPSynchronized=no'), 'unsynchronised');
    assert.equal(await ask('echo NTP=no; echo NTPSynchronized=no'), 'off');
    // A service that systemd does not know, such as ptp4l.
    assert.equal(await ask('echo NTP=no; echo NTPSynchronized=yes'), 'synchronised');
  });

  it('is asked for these two properties only', async () => {
    assert.equal(await ask('[ "$*" = "show --property=NTP --property=NTPSynchronized" ] && echo NTPSynchronized=yes'), 'synchronised');
  });

  it('is unknown without systemd', async () => {
    assert.equal(await ask('echo "System has not been booted with systemd as init system (PID 1). Can’t operate." >&2; exit 1'), 'unknown');
    process.env.PATH = folder.concat('/nowhere');
    assert.equal(await askTimeService(new AbortController().signal), 'unknown');
    assert.equal(timeServiceOf(''), 'unknown');
    assert.equal(timeServiceOf('Failed to query server\n'), 'unknown');
  });

  it('is unknown if systemd does not answer', { timeout: 300_000 }, async () => {
    assert.equal(await ask('echo NTPSynchronized=yes; exec sleep 600'), 'unknown');
  });

  it('keeps no process alive once the clock is stopped', { timeout: 300_000 }, async () => {
    const pidFile = join(folder, 'pid');
    process.env.PATH = fakeTimeService(folder, `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 600`).PATH;
    const clock = systemClock(0);
    const answer = clock.ask();
    await until(() => existsSync(pidFile), 'systemd is asked');
    const stoppedMs = performance.now();
    clock.stop();
    await answer;
    assert.ok(performance.now() - stoppedMs < 4_000, 'it ends before its deadline of 5 s');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await until(() => !existsSync(`/proc/${pid}`), 'the question has ended');
  });
});
