// Checks the HTTP connections of the uploads against a server that closes them, and the tokens for the cloud's API.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { AdaptivePacing } from '../../src/uploads/adaptive/pacing.ts';
import { postJson, putFile, retryAfter } from '../../src/uploads/http.ts';
import { FixedPacing, type UploadLink } from '../../src/uploads/pacing.ts';
import { DeviceTokens } from '../../src/uploads/token.ts';
import { freePort } from '../support/ports.ts';

const PACINGS = { fixed: FixedPacing, adaptive: AdaptivePacing };

for (const [name, PacingOf] of Object.entries(PACINGS)) {
  const pacingOf = (link: Partial<UploadLink> = {}) => new PacingOf({ bytesPerSecond: null, yields: () => false, ...link });

  describe(`a connection with ${name} pacing`, () => {
    let server: Server;
    const options = { pacing: pacingOf(), signal: new AbortController().signal };
    const sockets: Socket[] = [];

    /** @param isAnswered false for requests whose connection the server resets. */
    const serve = async (isAnswered: (nth: number) => boolean): Promise<string> => {
      let requests = 0;
      sockets.length = 0;
      server = createServer((request, answer) => {
        sockets.push(request.socket);
        if (isAnswered(++requests)) request.resume().once('end', () => answer.end('yes'));
        else request.socket.resetAndDestroy();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };

    afterEach(() => {
      server.closeAllConnections();
      server.close();
    });

    it('is kept for the next request', async () => {
      const url = await serve(() => true);
      for (let n = 0; n < 3; n++) assert.equal((await postJson(url, 'token', {}, options)).status, 200);
      assert.equal(new Set(sockets).size, 1);
    });

    it('is replaced by a new one if the server closes it just before the next request', async () => {
      const url = await serve((nth) => nth !== 2);
      for (let n = 0; n < 2; n++) assert.equal((await postJson(url, 'token', {}, options)).status, 200);
      assert.equal(sockets.length, 3);
    });

    it('is a failure if the server closes it right after the connect', async () => {
      const url = await serve(() => false);
      const { status, text } = await postJson(url, 'token', {}, options);
      assert.deepEqual([status, sockets.length], [0, 1]);
      assert.match(text, /ECONNRESET|hang up/);
    });
  });

  describe(`a file that is answered early, with ${name} pacing`, () => {
    it('is sent no further, and the next file uses another connection', async () => {
      const lengths: number[] = [];
      const server = createServer((request, answer) => {
        const nth = lengths.push(0) - 1;
        request.on('data', (bytes: Buffer) => {
          lengths[nth] = (lengths[nth] ?? 0) + bytes.length;
        });
        if (nth === 0) answer.writeHead(403).end('expired');
        else request.once('end', () => answer.end());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const { signal } = new AbortController();
        const source = Buffer.alloc(50_000, 'x');
        const headers = { 'content-length': String(source.length) };
        // The head arrives. An alert holds the rest back.
        const put = { url, headers, refusal: () => undefined, source, size: source.length, signal };
        const refused = await putFile({ ...put, pacing: pacingOf({ yields: () => lengths.length === 1 }) });
        assert.deepEqual([refused.status, refused.text], [403, 'expired']);
        assert.equal((await putFile({ ...put, pacing: pacingOf() })).status, 200);
        assert.ok((lengths[0] ?? 0) < source.length, `${lengths[0]} bytes arrived after the refusal`);
        assert.equal(lengths[1], source.length);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });
  });

  describe(`a file whose connection is refused, with ${name} pacing`, () => {
    it('is closed with the request, not at a deadline minutes later', async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-put-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const source = join(folder, 'log');
      writeFileSync(source, 'lines');
      const url = `http://127.0.0.1:${await freePort()}`;
      const { signal } = new AbortController();
      const isOpen = () => readdirSync('/proc/self/fd').some((fd) => linkOf(`/proc/self/fd/${fd}`) === source);
      const put = { url, headers: {}, refusal: () => undefined, source, size: 5, pacing: pacingOf(), signal };
      assert.equal((await putFile(put)).status, 0);
      for (const untilMs = performance.now() + 5_000; isOpen(); await nextTurn())
        assert.ok(performance.now() < untilMs, 'the file is still open');
    });
  });
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

describe('a robot’s token', () => {
  it('uses the cloud’s time once it is known, even if the robot’s clock changes afterwards', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-token-'));
    const { ca, robot } = await benchCertificates(folder, 'elderly-bot');
    const credentials = readCredentials({ rootCa: ca, certFile: robot.cert, privateKey: robot.key });
    rmSync(folder, { recursive: true });
    const now = { wall: 0, mono: 5_000 };
    const tokens = new DeviceTokens({
      thing: 'elderly-bot',
      credentials,
      audience: 'a',
      clock: { wall: () => now.wall, mono: () => now.mono },
    });
    assert.equal(tokens.aheadMs, undefined);
    tokens.setTime('no date');
    assert.equal(tokens.aheadMs, undefined);
    const date = 'Wed, 25 Nov 2026 20:00:00 GMT';
    const cloudMs = Date.parse(date);
    tokens.setTime(date);
    assert.equal(tokens.aheadMs, cloudMs);
    now.mono += 60_000;
    now.wall = cloudMs + 60_000;
    assert.equal(tokens.aheadMs, 0);
    now.wall -= 3_600_000;
    assert.equal(tokens.aheadMs, 3_600_000);
    assert.equal(decodeJwt(await tokens.sign()).exp, (cloudMs + 60_000) / 1_000 + 240);
  });

  it('is prepared for one use, and replaced if it is old, or after a new time or certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-token-'));
    const first = await benchCertificates(join(folder, 'first'), 'elderly-bot');
    const second = await benchCertificates(join(folder, 'second'), 'elderly-bot');
    const [old, renewed] = [first, second].map(({ ca, robot }) =>
      readCredentials({ rootCa: ca, certFile: robot.cert, privateKey: robot.key }),
    );
    rmSync(folder, { recursive: true });
    assert.ok(old && renewed);
    const credentials = { cert: old.cert, key: old.key };
    const now = { wall: 1_000_000_000, mono: 0 };
    const clock = { wall: () => now.wall, mono: () => now.mono };
    const tokens = new DeviceTokens({ thing: 'elderly-bot', credentials, audience: 'a', clock });
    const madeS = async () => Number(decodeJwt(await tokens.sign()).exp) - 240;
    tokens.prepare();
    now.wall += 60_000;
    assert.equal(await madeS(), 1_000_000, 'the prepared token');
    assert.equal(await madeS(), 1_000_060, 'a new token for the second use');
    tokens.prepare();
    now.mono += 59_000;
    now.wall += 59_000;
    tokens.prepare();
    assert.equal(await madeS(), 1_000_060, 'a young token stays');
    tokens.prepare();
    now.mono += 120_000;
    now.wall += 120_000;
    assert.equal(await madeS(), 1_000_239, 'an old token is replaced');
    tokens.prepare();
    tokens.setTime('Wed, 25 Nov 2026 20:00:00 GMT');
    assert.equal(await madeS(), Date.parse('2026-11-25T20:00:00Z') / 1_000, 'the cloud’s time is known');
    tokens.prepare();
    Object.assign(credentials, { cert: renewed.cert, key: renewed.key });
    const { 'x5t#S256': fingerprint } = decodeProtectedHeader(await tokens.sign()) as { 'x5t#S256'?: string };
    assert.equal(fingerprint, createHash('sha256').update(renewed.certificate.raw).digest('base64url'), 'the certificate was renewed');
  });

  it('contains the fingerprint of its certificate, and the certificate only after the cloud refused a token', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-token-'));
    const { ca, robot } = await benchCertificates(folder, 'elderly-bot');
    const credentials = readCredentials({ rootCa: ca, certFile: robot.cert, privateKey: robot.key });
    rmSync(folder, { recursive: true });
    const tokens = new DeviceTokens({
      thing: 'elderly-bot',
      credentials,
      audience: 'https://cloud.example',
      clock: { wall: Date.now, mono: () => performance.now() },
    });
    const header = async () => decodeProtectedHeader(await tokens.sign()) as { x5c?: string[]; 'x5t#S256'?: string };
    assert.match((await header())['x5t#S256'] ?? '', /^[A-Za-z0-9_-]{43}$/);
    assert.equal((await header()).x5c, undefined);
    tokens.sendChain();
    assert.equal(Buffer.from((await header()).x5c?.[0] ?? '', 'base64').equals(credentials.certificate.raw), true);
  });
});

describe('Retry-After', () => {
  it('accepts seconds or a date of the server’s clock, up to a day', () => {
    assert.equal(retryAfter('120', Number.NaN), 120_000);
    assert.equal(retryAfter('Wed, 25 Nov 2026 10:00:30 GMT', Date.parse('Wed, 25 Nov 2026 10:00:00 GMT')), 30_000);
    assert.equal(retryAfter('Wed, 25 Nov 2026 09:00:00 GMT', Date.parse('Wed, 25 Nov 2026 10:00:00 GMT')), 0);
    assert.equal(retryAfter('999999', Number.NaN), 86_400_000);
    for (const invalid of [undefined, '', 'soon', '-1']) assert.equal(retryAfter(invalid, Number.NaN), undefined);
  });
});
