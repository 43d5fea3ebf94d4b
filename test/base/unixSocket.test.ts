import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { codeOf, requestOverSocket } from '../../src/base/index.ts';

describe('an HTTP request over a Unix socket', () => {
  let folder: string;
  let server: Server;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-socket-'));
    server = createServer((request, response) => {
      if (request.url === '/silent') return;
      response.statusCode = 422;
      request.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(join(folder, 'a.sock'), resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const ask = (path: string, name = 'a.sock') =>
    requestOverSocket({ socketPath: join(folder, name), method: 'POST', path, body: 'hello', timeoutMs: 50 });

  it('returns the status and the body', async () => {
    const { status, body } = await ask('/echo');
    assert.deepEqual([status, body.toString()], [422, 'hello']);
  });

  it('fails if no server listens, or if no answer arrives in time', async () => {
    await assert.rejects(ask('/echo', 'b.sock'), (error) => codeOf(error) === 'ENOENT');
    await assert.rejects(ask('/silent'), (error) => codeOf(error) === 'ETIMEDOUT');
  });
});
