import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Passwords } from '../src/auth/credentials.ts';
import { HttpError } from '../src/http/index.ts';

/** The least cost of bcrypt. */
const QUICK = 4;

describe('many logins at once', () => {
  it('are checked one by one, and those beyond the queue get a 503', async () => {
    const passwords = new Passwords(QUICK);
    const hash = await passwords.hash('right');
    const tries = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => passwords.matches(i === 0 ? 'right' : 'wrong', hash)));
    const answers = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const refusals = tries.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    assert.deepEqual(answers, [true, ...Array<boolean>(16).fill(false)]);
    assert.equal(refusals.length, 83);
    for (const refusal of refusals) {
      assert.ok(refusal instanceof HttpError);
      assert.deepEqual([refusal.statusCode, refusal.retryAfterS], [503, 5]);
    }
    assert.equal(await passwords.matches('right', hash), true);
  });

  it('take no thread of the pool, which inflates messages for the ingest', async () => {
    const passwords = new Passwords();
    await passwords.prepare();
    const others = Number(process.env.UV_THREADPOOL_SIZE ?? 4) - 1;
    const ended: string[] = [];
    const slow = Array.from({ length: others }, () => promisify(pbkdf2)('x', 'y', 2_000_000, 32, 'sha512').then(() => ended.push('slow')));
    const checked = passwords.matches('wrong', null).then(() => ended.push('password'));
    await promisify(gzip)('a message').then(() => ended.push('message'));
    await Promise.all([checked, ...slow]);
    assert.equal(ended[0], 'message');
  });

  it('are refused when their process ends, also in a program that does nothing else', async () => {
    // bcrypt refuses such a password.
    const program = `import(${JSON.stringify(import.meta.resolve('../src/auth/credentials.ts'))})
      .then(({ Passwords }) => new Passwords(${QUICK}).matches(null, 'x')).catch((error) => console.log(error.message));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', program]);
    assert.match(stdout, /^the process that hashes passwords ended with 1\n$/);
  });

  it('are checked to the end if a stop signals all processes of the service', async () => {
    await new Passwords(QUICK).prepare();
    const hashing = new Passwords().hash('right');
    const [pid = 0] = hashers();
    process.kill(pid, 'SIGTERM');
    assert.match(await hashing, /^\$2b\$12\$/);
    assert.deepEqual(hashers(), [pid]);
  });

  it('are checked by a new process after one failed or was killed', async () => {
    const passwords = new Passwords(QUICK);
    const hash = await passwords.hash('right');
    // bcrypt refuses a password that is not text.
    await assert.rejects(passwords.matches(null as unknown as string, hash), /the process that hashes passwords ended with 1/);
    assert.equal(await passwords.matches('right', hash), true);
    const slow = new Passwords(20).hash('right');
    assert.equal(hashers().length, 1);
    for (const pid of hashers()) process.kill(pid, 'SIGKILL');
    await assert.rejects(slow, /ended with SIGKILL/);
    assert.equal(await passwords.matches('wrong', hash), false);
  });
});

/** The processes that this one started to hash passwords. */
function hashers(): number[] {
  const pids = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('hashing'));
}
