import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { claimDomain, lockPort } from '../support/domain.ts';

const TSX = new URL('../../node_modules/tsx/dist/esm/index.mjs', import.meta.url).href;
const SUPPORT = JSON.stringify(new URL('../support/domain.ts', import.meta.url).href);

describe('ROS domains for tests', () => {
  test('no two holders share one, and this process is pointed at the last', async () => {
    const domains = await Promise.all(Array.from({ length: 20 }, () => claimDomain()));
    assert.equal(new Set(domains.map(({ id }) => id)).size, 20);
    for (const { id } of domains) assert.ok(id >= 1 && id <= 101);
    assert.ok(domains.some(({ env }) => env.ROS_DOMAIN_ID === process.env.ROS_DOMAIN_ID));
    assert.equal(process.env.ROS_AUTOMATIC_DISCOVERY_RANGE, 'LOCALHOST');
    for (const domain of domains) await domain.release();
  });

  test('a holder that is killed gives its domain back', async () => {
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
