// Tests the explanation of the end of the last run.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ENDINGS, type Ending, explainEnding, isUnexpected, parseExit, type SystemdExit } from '../../src/service/index.ts';
import type { Run } from '../../src/state/index.ts';

const INVOCATION = '0123456789abcdef0123456789abcdef';
const RUN: Run = { version: '1.0.0', boot_id: 'a', invocation: INVOCATION, stopped: null };
const seen = (result: string, status = 'KILL', oomKills?: number): SystemdExit => ({
  invocation: INVOCATION,
  result,
  status,
  ...(oomKills === undefined ? {} : { oomKills }),
});
const cause = (last: Partial<Run>, systemd?: SystemdExit, now: Partial<Run> = {}): Ending['cause'] =>
  explainEnding({ ...RUN, ...last }, { version: '1.0.0', boot_id: 'a', ...now }, systemd).cause;

describe('the cause of the last end', () => {
  it('is the recorded reason, if the run recorded one', () => {
    assert.equal(cause({ stopped: 'asked' }), 'clean');
    assert.equal(cause({ stopped: 'asked' }, undefined, { version: '1.1.0' }), 'upgrade');
    assert.equal(cause({ stopped: 'asked' }, undefined, { boot_id: 'b' }), 'clean');
    assert.equal(cause({ stopped: 'failed' }), 'failed_start');
    assert.equal(cause({ stopped: 'mending' }, seen('watchdog')), 'mending');
  });

  it('is the exit that systemd observed, if the run recorded no reason', () => {
    assert.equal(cause({}, seen('watchdog')), 'watchdog');
    assert.equal(cause({}, seen('oom-kill')), 'oom');
    for (const result of ['signal', 'core-dump', 'exit-code', 'timeout', 'protocol']) assert.equal(cause({}, seen(result)), 'crash');
  });

  it('is lack of memory if the kernel counted a kill and systemd observed only the signal', () => {
    assert.equal(cause({}, seen('signal', 'KILL', 1)), 'oom');
    assert.equal(cause({}, seen('signal', 'KILL', 0)), 'crash');
    assert.equal(cause({}, seen('signal', 'SEGV', 1)), 'crash');
    assert.equal(cause({}, seen('exit-code', '1', 1)), 'crash');
    assert.equal(cause({}, seen('watchdog', 'ABRT', 1)), 'watchdog');
  });

  it('ignores the exit of another run', () => {
    assert.equal(cause({ invocation: 'f'.repeat(32) }, seen('watchdog')), 'crash');
    assert.equal(cause({ invocation: null }, seen('watchdog'), { boot_id: 'b' }), 'power');
  });

  it('is loss of power if the machine has booted since, else a crash', () => {
    assert.equal(cause({}, undefined, { boot_id: 'b' }), 'power');
    assert.equal(cause({}), 'crash');
    assert.equal(cause({ boot_id: null }), 'unknown');
  });

  it('is unexpected except after a stop, an upgrade, a repair or a failed start', () => {
    const expected = ENDINGS.filter((each) => !isUnexpected({ cause: each, text: '' }));
    assert.deepEqual(expected, ['clean', 'upgrade', 'mending', 'failed_start']);
  });

  it('parses only a complete line of the unit', () => {
    assert.deepEqual(parseExit(`${INVOCATION} oom-kill KILL\n`), seen('oom-kill'));
    assert.deepEqual(parseExit(`${INVOCATION} signal KILL 2\n`), seen('signal', 'KILL', 2));
    for (const torn of ['', `${INVOCATION}`, `${INVOCATION} watchdog`, `${INVOCATION} watchdog ABRT`, '  \n']) {
      assert.equal(parseExit(torn), undefined);
    }
  });
});
