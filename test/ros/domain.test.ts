import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { claimDomain, lockPort } from '../../scripts/lab/domain.ts';

const TSX = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const SUPPORT = JSON.stringify(new URL('../../scripts/lab/domain.ts', import.meta.url).href);

describe('ROS domains for tests', () => {
  test('each holder gets its own domain, and the environment of this process names one of them', async () => {
    const domains = await Promise.all(Array.from({ length: 20 }, () => claimDomain()));
    assert.equal(new Set(domains.map(({ id }) => id)).size, 20);
    for (const { id } of domains) assert.ok(id >= 1 && id <= 101);
    assert.ok(domains.some(({ env }) => env.ROS_DOMAIN_ID === process.env.ROS_DOMAIN_ID));
    assert.equal(process.env.ROS_AUTOMATIC_DISCOVERY_RANGE, 'LOCALHOST');
    for (const domain of domains) await domain.release();
  });

  test('the domain of a killed holder becomes free', async () => {
    const program = `import { claimDomain } from ${SUPPORT}; console.log((await claimDomain()).id); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [id] = await once(child.stdout, 'data');
    assert.equal(await isHeld(Number(id)), true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal(await isHeld(Number(id)), false);
  });

  test('only the shared memory of a program with a faked clock is removed', async () => {
    const file = (port: number) => `/dev/shm/fastdds_port${port}`;
    const leave = (port: number, seenMs: number) => {
      const bytes = Buffer.alloc(512);
      bytes.writeBigInt64LE(BigInt(seenMs), 256);
      writeFileSync(file(port), bytes);
    };
    // No domain uses these ports.
    const [ahead, now] = [1_000_000 + process.pid, 5_000_000 + process.pid];
    leave(ahead, Date.now() + 86_400_000);
    leave(now, Date.now());
    try {
      await (await claimDomain()).release();
      assert.deepEqual([existsSync(file(ahead)), existsSync(file(now))], [false, true]);
    } finally {
      rmSync(file(now));
    }
  });
});

function isHeld(id: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(lockPort(id), '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
