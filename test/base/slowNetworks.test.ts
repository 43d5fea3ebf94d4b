import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect, getDefaultAutoSelectFamilyAttemptTimeout, setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { allowSlowNetworks, messageOf } from '../../src/base/index.ts';
import { openBlackHole } from '../support/blackHole.ts';

/** Connects to a host with two addresses: the first answers after 1 s, nothing listens on the second. @returns the error's text */
async function connectSlowly(): Promise<string | undefined> {
  const hole = await openBlackHole();
  const lookup = (_host: string, _options: object, done: (error: null, all: object[]) => void) =>
    done(
      null,
      ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })),
    );
  const socket = connect({ host: 'slow.example', port: hole.port, lookup: lookup as never });
  hole.open();
  const error = await new Promise<Error | undefined>((resolve) => {
    socket.once('error', resolve);
    socket.once('connect', () => resolve(undefined));
  });
  socket.destroy();
  await hole.stop();
  return error && messageOf(error);
}

const PRINT = 'import net from "node:net"; process.on("exit", () => console.error(net.getDefaultAutoSelectFamilyAttemptTimeout()))';
const PRINTING = ['--import', 'tsx', '--import', `data:text/javascript,${encodeURIComponent(PRINT)}`];

describe('a host with several addresses over a slow network', { timeout: 300_000 }, () => {
  it('is reached, although Node.js gives up by default', async () => {
    const before = getDefaultAutoSelectFamilyAttemptTimeout();
    assert.match(String(await connectSlowly()), /^no answer \(ETIMEDOUT\) at 127\.0\.0\.1:\d+; connection refused \(ECONNREFUSED\) at 127/);
    try {
      allowSlowNetworks();
      assert.equal(await connectSlowly(), undefined);
    } finally {
      setDefaultAutoSelectFamilyAttemptTimeout(before);
    }
  });

  for (const program of ['src/cli/main.ts', 'cloud/src/main.ts']) {
    it(`is reached by ${program}`, () => {
      const command = ['-c', '"$@" 2>&1 >/dev/null', 'sh', process.execPath, ...PRINTING, `${ROOT}${program}`, '--help'];
      assert.equal(execFileSync('sh', command, { cwd: ROOT, encoding: 'utf8' }).trim(), '3000');
    });
  }
});
