// A program named timedatectl stands for systemd: it answers, fails or hangs.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { askTimeService, timeServiceOf } from '../../src/clock/index.ts';
import { fakeTimeService } from '../support/timeService.ts';

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
    return askTimeService();
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
    assert.equal(await askTimeService(), 'unknown');
    assert.equal(timeServiceOf(''), 'unknown');
    assert.equal(timeServiceOf('Failed to query server\n'), 'unknown');
  });

  it('is unknown if systemd does not answer', { timeout: 60_000 }, async () => {
    assert.equal(await ask('echo NTPSynchronized=yes; exec sleep 600'), 'unknown');
  });
});
