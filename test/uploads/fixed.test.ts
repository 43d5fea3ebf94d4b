// Checks fixed pacing against a real server: the bytes of a file leave at the rate, and pause while an alert is in flight.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, putFile } from '../../src/uploads/http.ts';
import { FixedPacing, type UploadLink } from '../../src/uploads/pacing.ts';

describe('fixed pacing', { timeout: 300_000 }, () => {
  let server: Server;
  let arrived: Buffer[] = [];
  const sizeOf = (parts: readonly Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0);
  const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  before(async () => {
    server = createServer((request, answer) => {
      request.on('data', (bytes: Buffer) => arrived.push(bytes)).once('end', () => answer.end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const put = (source: Buffer, link: Partial<UploadLink>): Promise<Answer> => {
    arrived = [];
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false, ...link });
    const headers = { 'content-length': String(source.length) };
    return putFile({ url, headers, refusal: () => undefined, source, size: source.length, pacing, signal: new AbortController().signal });
  };

  it('sends every byte in order without a limit', async () => {
    const source = randomBytes(1_000_000);
    assert.equal((await put(source, {})).status, 200);
    assert.equal(hashOf(Buffer.concat(arrived)), hashOf(source));
  });

  it('sends at its rate', async () => {
    const source = randomBytes(50_000);
    const startedMs = performance.now();
    assert.equal((await put(source, { bytesPerSecond: 50_000 })).status, 200);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= 850 && tookMs < 3_000, `50 kB at 50 kB/s took ${tookMs} ms`);
    assert.equal(hashOf(Buffer.concat(arrived)), hashOf(source));
  });

  it('pauses while an alert is in flight, and sends the rest afterwards', async () => {
    const source = randomBytes(50_000);
    let isAlertInFlight = false;
    const answered = put(source, { bytesPerSecond: 100_000, yields: () => isAlertInFlight });
    while (sizeOf(arrived) === 0) await sleep(1);
    isAlertInFlight = true;
    await sleep(200);
    const size = sizeOf(arrived);
    await sleep(300);
    assert.equal(sizeOf(arrived), size);
    assert.ok(size < source.length, `${size} bytes`);
    isAlertInFlight = false;
    assert.equal((await answered).status, 200);
    assert.equal(hashOf(Buffer.concat(arrived)), hashOf(source));
  });

  it('ends a request whose connection is dead', async () => {
    const over = new AbortController();
    const pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false });
    const request = pacing.begin({ size: 0, patienceMs: 20, signal: over.signal, abort: () => over.abort() });
    await new Promise<void>((resolve) => over.signal.addEventListener('abort', () => resolve()));
    request.end();
  });

  it('leaves no timer after its end, even if the body produces another piece', async () => {
    const pacing = new FixedPacing({ bytesPerSecond: null, yields: () => false });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const request = pacing.begin({ size: 2, patienceMs: 60_000, signal: new AbortController().signal, abort: () => {} });
    const body = (request.body(Buffer.from('ab')) as Readable)[Symbol.asyncIterator]();
    request.end();
    await body.next();
    await body.next();
    assert.equal(timers(), before);
  });
});
