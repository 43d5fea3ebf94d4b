// Checks that answers of a hostile cloud or store lead the robot neither to other hosts nor to other headers, and stay short in its texts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type BenchFiles, benchCertificates, readCredentials } from '../../src/identity/index.ts';
import { lookupWith, zoneOf } from '../../src/uploads/address.ts';
import { readAnnouncement } from '../../src/uploads/announcement.ts';
import { checkUpload } from '../../src/uploads/index.ts';
import { AGENTS } from '../../src/uploads/pacing.ts';
import { UploadCloud } from '../support/uploadCloud.ts';

const THING = 'elderly-bot';
const IDS = { upload_id: 'u1', object_key: 'k1' };

interface Asked {
  readonly size: number;
  readonly sha256: string;
  readonly content_type: string;
}

interface Scripted {
  readonly server: Server;
  readonly origin: string;
}

async function listen(server: Server, scheme: 'http' | 'https'): Promise<Scripted> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function headersOf({ size, sha256, content_type }: Asked): Record<string, string> {
  return {
    'content-type': content_type,
    'content-length': String(size),
    'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
    'if-none-match': '*',
  };
}

describe('a hostile cloud', () => {
  let folder: string;
  let files: BenchFiles;
  let plain: Scripted;
  let secure: Scripted;
  let store: Scripted;
  let other: Scripted;
  let stored: IncomingHttpHeaders[] = [];
  let reached = 0;
  let storeAnswer: RequestListener = (_request, answer) => answer.end();
  let answerTo: (asked: Asked, url: string) => unknown;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-hostile-'));
    files = await benchCertificates(folder, THING, ['127.0.0.1']);
    AGENTS.httpsAgent.options.ca = readFileSync(files.ca);
    const api: RequestListener = async (request, answer) => {
      let text = '';
      for await (const part of request) text += String(part);
      const given = answerTo(JSON.parse(text) as Asked, `${store.origin}/k1?X-Amz-Signature=secret`);
      if (typeof given === 'function') (given as (to: ServerResponse) => void)(answer);
      else answer.end(JSON.stringify(stored.length > 0 ? { ...IDS, done: true } : { ...IDS, ...(given as object) }));
    };
    plain = await listen(createServer(api), 'http');
    const tls = { cert: readFileSync(files.broker.cert), key: readFileSync(files.broker.key) };
    secure = await listen(createTlsServer(tls, api), 'https');
    store = await listen(
      createServer((request, answer) => {
        request.resume().once('end', () => {
          storeAnswer(request, answer);
          stored.push(request.headers);
        });
      }),
      'http',
    );
    other = await listen(
      createServer((_request, answer) => {
        reached++;
        answer.end();
      }),
      'http',
    );
  });
  beforeEach(() => {
    stored = [];
    reached = 0;
    storeAnswer = (_request, answer) => answer.end();
  });
  after(() => {
    AGENTS.httpsAgent.options.ca = undefined;
    for (const { server } of [plain, secure, store, other]) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true });
  });

  const upload = async (api: Scripted): Promise<string> => {
    const credentials = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
    const outcome = await checkUpload({ thing: THING, credentials, api: api.origin }, new AbortController().signal);
    return outcome.result === 'stored' ? 'stored' : `${outcome.result}: ${outcome.reason}`;
  };

  it('gets the file in its own zone, with the headers of the file', async () => {
    answerTo = (asked, url) => ({ url, headers: headersOf(asked) });
    assert.equal(await upload(plain), 'stored');
    assert.deepEqual([stored.length, stored[0]?.['if-none-match']], [1, '*']);
  });

  for (const [url, reason] of [
    ['http://192.168.1.1/reboot', /192\.168\.1\.1 without https/],
    ['HTTP://192.0.2.1/k1', /192\.0\.2\.1 without https/],
    ['https://192.168.1.1/reboot', /the private address 192\.168\.1\.1, but the cloud’s API is not in that zone/],
    ['https://169.254.169.254/latest/meta-data', /link-local/],
    ['https://[::ffff:10.0.0.1]/', /private/],
    ['https://[64:ff9b::192.168.1.1]/', /private/],
    ['https://0xA000001/', /private/],
    ['https://[fd12::1]/', /private/],
    ['https://[fe80::1]/', /link-local/],
    ['https://0.0.0.0/', /special/],
    ['https://[::]/', /special/],
    ['https://user:word@store.example/k1', /contains a user name/],
    ['file:///etc/passwd', /begins with file: instead of https:/],
    ['data:text/plain,x', /begins with data:/],
    ['store.example', /its URL is invalid/],
  ] as const) {
    it(`can’t send the file to ${url}`, async () => {
      answerTo = (asked) => ({ url, headers: headersOf(asked) });
      assert.match(await upload(plain), new RegExp(`^later: the cloud names a store that is refused: .*(${reason.source})`));
      assert.equal(stored.length, 0);
    });
  }

  it('can’t make the file leave without encryption if its API is encrypted', async () => {
    answerTo = (asked, url) => ({ url, headers: headersOf(asked) });
    assert.match(await upload(secure), /refused: its URL begins with http: instead of https:/);
    assert.equal(stored.length, 0);
  });

  it('on the internet can’t name a store in the home’s network', () => {
    const row = { kind: 'log', file: 'log.gz', size: 1, sha256: '00'.repeat(32), takenAtMs: 0, incident: null, ranMs: 0 };
    const read = (url: string, peer: string) =>
      readAnnouncement(row, JSON.stringify({ ...IDS, url, headers: {} }), 'https://cloud.example', peer).result;
    assert.equal(read('https://192.168.1.1/', '93.184.216.34'), 'unusable');
    assert.equal(read('https://127.0.0.1/', '93.184.216.34'), 'unusable');
    assert.equal(read('https://192.168.1.1/', '192.168.1.9'), 'put');
    assert.equal(read('https://127.0.0.1/', '192.168.1.9'), 'unusable');
    assert.equal(read('https://93.184.216.35/', '93.184.216.34'), 'put');
  });

  it('can’t name a host whose name leads into the home’s network', async () => {
    const row = { kind: 'log', file: 'log.gz', size: 1, sha256: '00'.repeat(32), takenAtMs: 0, incident: null, ranMs: 0 };
    const url = 'https://localhost/';
    const found = readAnnouncement(row, JSON.stringify({ ...IDS, url, headers: {} }), 'https://cloud.example', '93.184.216.34');
    assert.ok(found.result === 'put');
    await assert.rejects(lookupWith(found.refusal)('localhost', {}), /the loopback address .*, but the cloud’s API is not in that zone/);
    assert.deepEqual((await lookupWith(() => undefined)('127.0.0.1', {}))[0], [{ address: '127.0.0.1', family: 4 }]);
  });

  it('can’t add a header, or change one', async () => {
    for (const more of [{ cookie: 'session=1' }, { host: 'router.local' }, { 'content-type': 'text/html' }, { 'content-length': '0' }]) {
      answerTo = (asked, url) => ({ url, headers: { ...headersOf(asked), ...more } });
      assert.match(
        await upload(plain),
        /^later: the cloud asks for the header .*, which does not describe this file/,
        JSON.stringify(more),
      );
      assert.equal(stored.length, 0);
    }
  });

  it('can’t redirect the file, and a store can’t either', async () => {
    const redirect = (answer: ServerResponse) => answer.writeHead(307, { location: `${other.origin}/` }).end();
    storeAnswer = (_request, answer) => redirect(answer);
    answerTo = (asked, url) => (stored.length > 0 ? redirect : { url, headers: headersOf(asked) });
    assert.match(await upload(plain), /the object store answered 307/);
    answerTo = () => redirect;
    assert.match(await upload(plain), /the cloud answered 307/);
    assert.equal(reached, 0);
  });

  it('has its error quoted in one short line', async () => {
    const detail = `\u001b[2J\nelderly-bot: all is well ${'x'.repeat(10_000)}`;
    answerTo = () => (answer: ServerResponse) => answer.writeHead(422).end(JSON.stringify({ detail }));
    const text = await upload(plain);
    assert.match(text, /^refused: the cloud answered 422: “\\u001b\[2J\\nelderly-bot: all is well x+… \(\d+ more characters\)”$/);
    assert.ok(text.length < 300, `${text.length}`);
  });

  it('can’t fill the robot’s memory with an answer', async () => {
    for (const body of [Buffer.alloc(1_000_000, ' '), gzipSync(Buffer.alloc(50_000_000, ' '))]) {
      answerTo = () => (answer: ServerResponse) =>
        answer.writeHead(200, body.length < 900_000 ? { 'content-encoding': 'gzip' } : {}).end(body);
      assert.match(await upload(plain), /the cloud cannot be reached: .*65536/);
    }
    answerTo = () => ({ object_key: 'k'.repeat(2_000), done: true });
    assert.match(await upload(plain), /does not describe an upload/);
  });
});

describe('a cloud with TLS', { timeout: 300_000 }, () => {
  it('gets a file whose store has TLS too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-tls-'));
    const files = await benchCertificates(folder, THING);
    const tls = { cert: readFileSync(files.broker.cert), key: readFileSync(files.broker.key) };
    const cloud = await UploadCloud.start(undefined, { host: '127.0.0.1', files: tls });
    AGENTS.httpsAgent.options.ca = readFileSync(files.ca);
    try {
      await cloud.know(THING, readFileSync(files.robot.cert, 'utf8'));
      const credentials = readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
      const outcome = await checkUpload({ thing: THING, credentials, api: cloud.origin }, new AbortController().signal);
      assert.equal(outcome.result, 'stored', JSON.stringify(outcome));
      assert.match(cloud.origin, /^https:/);
    } finally {
      AGENTS.httpsAgent.options.ca = undefined;
      AGENTS.httpsAgent.destroy();
      await cloud.stop();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the zone of an address', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const privates = fc.oneof(
    fc.tuple(fc.constant(10), octet, octet, octet),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
    fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
    fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), octet, octet),
  );

  it('is private for a home’s network in every notation', () => {
    fc.assert(
      fc.property(privates, (octets) => {
        const address = octets.join('.');
        for (const form of [
          address,
          `::ffff:${address}`,
          `64:ff9b::${address}`,
          new URL(`http://[::ffff:${address}]`).hostname.slice(1, -1),
        ])
          assert.equal(zoneOf(form), 'private', form);
      }),
    );
  });

  it('is public for the internet, also behind NAT64', () => {
    for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2a00:1450:4001::1'])
      assert.equal(zoneOf(address), 'public', address);
    for (const address of [
      '0.0.0.0',
      '255.255.255.255',
      '224.0.0.1',
      '::',
      'ff02::1',
      '2002:a00:1::',
      '2001:0:a00:1::',
      '::7f00:1',
      '64:ff9b:1::1',
    ])
      assert.equal(zoneOf(address), 'special', address);
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.equal(zoneOf(address), 'loopback', address);
  });
});
