// Tests that no secret reaches the log. Each secret of a list is logged in all the ways that a mistake could cause.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLog, LogFile, readLines } from '../../src/logs/index.ts';

const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

/** Secrets, each with a text that contains it. */
const SECRETS: Readonly<Record<string, readonly [secret: string, text: string]>> = {
  'a private key in PEM': [privateKey.split('\n')[1] ?? '', privateKey],
  'a truncated private key': [privateKey.split('\n')[1] ?? '', privateKey.slice(0, 150)],
  'an RSA private key': ['MIIEowIBAAKCAQEA', '-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----'],
  'a signed URL': [
    'X-Amz-Signature=0123abcd',
    'PUT https://bucket.s3.eu-central-1.amazonaws.com/a/b.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123abcd failed',
  ],
  'the password of a URL': ['hunter2', 'postgres://cloud:hunter2@db.example.org/elderly was refused'],
  'a bearer token': ['mF_9.B5f-4.1JqM', 'authorization: Bearer mF_9.B5f-4.1JqM'],
  'a JWT within a text': ['dBjftJeZ4CVPmB92K27uhbUJU1p1r', 'got eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJyb2JvdCJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r'],
  'a named password': ['correct-horse', 'connect password=correct-horse host=localhost'],
  'an AWS access key': ['AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLE is not allowed'],
  'an AWS secret key': ['wJalrXUtnFEMI/K7MDENG', 'aws_secret_access_key=wJalrXUtnFEMI/K7MDENG'],
  'an age identity': ['QQPQRZQ0XJ5Q0XJ5', 'AGE-SECRET-KEY-1QQPQRZQ0XJ5Q0XJ5'],
  'a token in the JSON of an answer': ['s3cr3t', '{"access_token":"s3cr3t","user":"anna"}'],
};

describe('a log line', () => {
  let folder: string;
  const file = new LogFile();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-redact-'));
    file.open({ folder, maxBytes: 4_000_000, maxAgeMs: 3_600_000, nowMs: () => Date.now() });
  });
  after(async () => {
    await file.close();
    rmSync(folder, { recursive: true });
  });

  /** @returns the lines since `from`. */
  const written = async (from: { file: number; offset: number }) => {
    const lines: string[] = [];
    for await (const { text } of readLines(folder, from)) lines.push(text);
    return lines;
  };

  for (const [name, [secret, text]] of Object.entries(SECRETS)) {
    it(`never contains ${name}`, async () => {
      const log = createLog('info', {}, file);
      const from = file.end;
      log.info(text);
      log.info({ event: 'failed', detail: text, deep: { er: [{ text }] } }, `it failed: ${text}`);
      log.error({ err: new Error(text, { cause: new Error(text) }) }, 'it threw');
      log.error(
        { err: Object.assign(new Error('thrown'), { config: { url: text }, request: text, response: { data: text } }) },
        'a library threw',
      );
      log.warn({ answer: JSON.stringify({ inner: text }) }, 'quoted twice');
      const lines = await written(from);
      assert.equal(lines.length, 5);
      for (const line of lines) {
        assert.ok(!line.includes(secret), line);
        JSON.parse(line);
      }
    });
  }

  it('never contains the value of a field with a secret name', async () => {
    const log = createLog('info', {}, file);
    const from = file.end;
    for (const name of [
      'password',
      'token',
      'authorization',
      'private_key',
      'privateKey',
      'client_secret',
      'apiKey',
      'cookie',
      'credentials',
    ]) {
      log.info({ [name]: 'do "not" tell', request: { headers: { [name]: 'do "not" tell' } } }, 'named');
    }
    const lines = await written(from);
    assert.equal(lines.length, 9);
    for (const line of lines) {
      assert.ok(!/do .*tell/.test(line), line);
      JSON.parse(line);
    }
  });

  it('keeps a text without secrets', async () => {
    const log = createLog('info', {}, file);
    const from = file.end;
    const harmless =
      'mqtts://example.iot.eu-central-1.amazonaws.com:8883 refused the token of robot 7: basic checks, https://cloud.example.org/uploads';
    log.info({ event: 'x', topic: '/gas_detected', sha256: 'a'.repeat(64), tokens: 3 }, harmless);
    const [line] = await written(from);
    const { msg, topic, sha256, tokens } = JSON.parse(String(line)) as Record<string, unknown>;
    assert.deepEqual({ msg, topic, sha256, tokens }, { msg: harmless, topic: '/gas_detected', sha256: 'a'.repeat(64), tokens: 3 });
  });
});
