import assert from 'node:assert/strict';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, connect, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { listed, messageOf, tlsWords } from '../../src/base/index.ts';
import { freePort } from '../support/ports.ts';

/** Forbidden in every text: the form of OpenSSL's own messages, and its words for a server without TLS. */
const RAW = /SSL routines|:error:|\berror:[0-9A-F]{8}|alert number|wrong version number|\.c:\d+|\n/;

/** OpenSSL's reasons that a TLS client can meet (OpenSSL 3.5, err/openssl.txt, SSL_R_*). */
const REASONS: readonly string[] = [
  ...['unknown ca', 'bad certificate', 'certificate unknown', 'unsupported certificate', 'certificate revoked', 'certificate expired'],
  ...['certificate required', 'decrypt error', 'access denied', 'handshake failure', 'protocol version', 'insufficient security'],
  ...['no application protocol', 'unrecognized name', 'internal error', 'illegal parameter', 'decode error', 'unexpected message'],
].flatMap((alert) => ['ssl/tls', 'sslv3', 'tlsv1', 'tlsv13'].map((version) => `${version} alert ${alert}`));

const OWN_REASONS: readonly string[] = [
  ...['wrong version number', 'packet length too long', 'http request', 'https proxy request', 'bad record type', 'unsupported protocol'],
  ...['version too low', 'no protocols available', 'no shared cipher', 'wrong cipher returned', 'dh key too small', 'ee key too small'],
  ...['unexpected eof while reading', 'certificate verify failed', 'wrong signature type', 'bad ecpoint', 'inappropriate fallback'],
];

/** An error as Node.js makes it from OpenSSL's error queue. */
function opensslError(reason: string, fields: object = {}): Error {
  const message = `40DD4242807F0000:error:0A00010B:SSL routines:tls_validate_record_header:${reason}:../deps/openssl/ssl/record/tlsany_meth.c:77:SSL alert number 70\n`;
  return Object.assign(new Error(message), { code: 'ERR_SSL_X', library: 'SSL routines', reason }, fields);
}

describe('the text of a failed TLS handshake', () => {
  it('never contains OpenSSL’s raw text', () => {
    for (const reason of [...REASONS, ...OWN_REASONS]) {
      const texts = [
        messageOf(opensslError(reason)),
        // Errors of a write, and of HTTP clients, have only the message.
        messageOf(new Error(`write EPROTO ${opensslError(reason).message}`)),
        messageOf(new TypeError('', { cause: opensslError(reason) })),
      ];
      for (const text of texts) {
        assert.doesNotMatch(text, RAW);
        assert.ok(text.length > 10, reason);
      }
    }
  });

  it('names an alert and a reason that are not in the list', () => {
    assert.equal(messageOf(opensslError('tlsv1 alert decode error')), 'the server ended the TLS handshake: decode error');
    assert.equal(messageOf(opensslError('bad ecpoint')), 'the TLS handshake failed: bad ecpoint');
  });

  it('says that a real web server does not speak TLS', async () => {
    const server = createHttp();
    const port = await listening(server);
    const error = await new Promise<Error>((resolve) => connectTls({ host: '127.0.0.1', port }).on('error', resolve));
    server.close();
    assert.equal(messageOf(error), 'the server does not speak TLS on this port');
    assert.match(error.message, RAW, 'the test must begin with a raw text');
  });

  it('is absent for other errors', () => assert.equal(tlsWords(new Error('no such file')), undefined));
});

describe('the text of an error', () => {
  it('names each address of a host on which nothing listens, and the reason once', async () => {
    const port = await freePort();
    const lookup = (_host: string, _options: object, done: (error: null, all: object[]) => void) =>
      done(null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);
    const error = await new Promise<Error>((resolve) => connect({ host: 'localhost', port, lookup: lookup as never }).on('error', resolve));
    assert.ok(error instanceof AggregateError && error.message === '', 'Node.js gives no message');
    const expected = [`[::1]:${port}`, `127.0.0.1:${port}`];
    // A machine without IPv6 has another reason for the first address.
    const refused = `connection refused (ECONNREFUSED) at ${listed(expected)}`;
    const without6 = `this machine has no address of this kind (EADDRNOTAVAIL) at ${expected[0]}; connection refused (ECONNREFUSED) at ${expected[1]}`;
    assert.ok([refused, without6].includes(messageOf(error)), messageOf(error));
    assert.equal(messageOf(new Error(error.message, { cause: error })), messageOf(error));
  });

  it('is never empty', () => {
    assert.equal(messageOf(new TypeError('')), 'TypeError');
    assert.equal(messageOf(Object.assign(new Error(''), { code: 'EPIPE' })), 'EPIPE');
    assert.equal(messageOf(new AggregateError([])), 'AggregateError');
    assert.equal(messageOf(new Error('', { cause: new Error('the cause') })), 'the cause');
  });
});

describe('a list of words', () => {
  it('has commas and one "and"', () => {
    assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed), ['', 'a', 'a and b', 'a, b and c']);
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
