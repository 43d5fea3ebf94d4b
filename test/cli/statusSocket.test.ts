// Tests that a fault while the agent collects its status is an answer, and does not end the agent.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { askStatus, type Status, StatusSocket } from '../../src/status/index.ts';

it('the status socket answers an exception of the status function, and continues to serve', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-socket-'));
  let isBroken = true;
  const status = () => {
    if (isBroken) throw new Error('no such table: rows');
    return { thing: 'kitchen-bot' } as Status;
  };
  const refuse = () => assert.fail('not requested');
  const socket = new StatusSocket(folder, status, { reload: refuse, rotate: refuse });
  await socket.start();
  try {
    await assert.rejects(askStatus(folder), { code: 'STATUS_FAILED', message: /could not collect its status: no such table: rows/ });
    isBroken = false;
    assert.equal((await askStatus(folder)).thing, 'kitchen-bot');
  } finally {
    await socket.stop();
    rmSync(folder, { recursive: true });
  }
});
