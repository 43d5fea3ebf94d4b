// The file of the family keys, and the fingerprint that a person compares.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FamilyKeys, fingerprintOf, presentedKeyOf, shownFingerprint } from '../../src/signing/index.ts';
import { authenticator, phone } from '../support/familyKeys.ts';

/** The key of RFC 8037, appendix A.2, and its thumbprint of appendix A.3. */
const RFC_KEY = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';
const RFC_THUMBPRINT = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';

describe('the family keys', () => {
  let folder: string;
  let keys: FamilyKeys;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-keys-'));
    keys = new FamilyKeys(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('start as an empty list', () => {
    assert.deepEqual(keys.read(), { keys: [], damage: undefined });
  });

  it('are in a file that only its owner can read, and which another process reads at once', async () => {
    const reader = new FamilyKeys(folder);
    const [anna, bert] = [await phone(), await phone('EdDSA')];
    keys.add(anna.paired, 'Anna’s phone', 1);
    assert.equal(statSync(keys.file).mode & 0o777, 0o600);
    assert.deepEqual(names(reader), ['Anna’s phone']);
    keys.add(bert.paired, 'Bert’s phone', 2);
    assert.deepEqual(names(reader), ['Anna’s phone', 'Bert’s phone']);
    keys.add(anna.paired, 'Anna’s new name', 3);
    assert.deepEqual(names(reader), ['Bert’s phone', 'Anna’s new name']);
    keys.revoke(bert.kid);
    assert.deepEqual(names(reader), ['Anna’s new name']);
    assert.equal(reader.read().keys[0]?.kid, anna.kid);
  });

  it('keep what a passkey was paired for', () => {
    const { paired } = authenticator();
    keys.add(paired, 'passkey', 1);
    assert.deepEqual(new FamilyKeys(folder).read().keys[0]?.webauthn, paired.webauthn);
  });

  it('do not count if their file is damaged, or if others can write it', async () => {
    const { paired } = await phone();
    const [added] = [keys.add(paired, 'Anna’s phone', 1)];
    const good = readFileSync(keys.file, 'utf8');
    const bad = [
      '',
      'x',
      '{}',
      good.slice(0, -5),
      good.replace('"version":1', '"version":2'),
      good.replace('P-256', 'P-384'),
      good.replace(/"x":"./, '"x":"_'),
    ];
    for (const text of bad) {
      writeFileSync(keys.file, text);
      const { keys: found, damage } = keys.read();
      assert.ok(found.length === 0 && damage, text);
      assert.throws(() => keys.add(added, 'again', 2), /family-keys.json/);
    }
    writeFileSync(keys.file, good);
    assert.equal(keys.read().keys.length, 1);
    chmodSync(keys.file, 0o622);
    assert.match(keys.read().damage ?? '', /others may write it \(mode 622\)/);
  });
});

function names(keys: FamilyKeys): string[] {
  return keys.read().keys.map(({ name }) => name);
}

describe('a fingerprint', () => {
  it('equals the thumbprint of RFC 7638 for a plain key', () => {
    assert.equal(fingerprintOf(presentedKeyOf(RFC_KEY, 'key')), RFC_THUMBPRINT);
  });

  it('is shown as 100 bits in five groups', () => {
    assert.equal(shownFingerprint(RFC_THUMBPRINT), 'J3XC-NZN9-P5AP-D62M-1XRC');
  });

  it('covers everything that the robot pins of a passkey', () => {
    const { jwk, webauthn } = authenticator().paired;
    const fingerprints = [{ jwk }, { jwk, webauthn }].map((key) => fingerprintOf(key as never));
    for (const change of [
      { origin: 'https://evil.example.org' },
      { rp_id: 'example.org' },
      { user_verification: false },
      { credential_id: 'x' },
    ]) {
      fingerprints.push(fingerprintOf({ jwk, webauthn: { ...webauthn, ...change } } as never));
    }
    assert.equal(new Set(fingerprints).size, fingerprints.length);
  });
});

describe('a key that is to be paired', () => {
  it('may be a JWK, with members that are not needed, or a PEM file', async () => {
    const { paired, kid } = await phone();
    const jwk = JSON.stringify({ ...paired.jwk, alg: 'ES256', use: 'sig', kid: 'x' });
    const pem = String(paired.publicKey.export({ format: 'pem', type: 'spki' }));
    for (const text of [jwk, pem]) assert.equal(fingerprintOf(presentedKeyOf(text, 'key')), kid);
  });

  it('is refused with the reason if it is private, of another kind, or no point of its curve', async () => {
    const { privateKey, paired } = await phone();
    const refusals: [text: string, reason: RegExp][] = [
      [JSON.stringify(privateKey.export({ format: 'jwk' })), /is a private key; it must not leave its device/],
      [JSON.stringify({ jwk: privateKey.export({ format: 'jwk' }) }), /is a private key/],
      ['{"kty":"oct","k":"AAAA"}', /has another form; expected a public key of EC P-256 or Ed25519/],
      ['{"kty":"RSA","n":"AQAB","e":"AQAB"}', /has another form/],
      ['hello', /has another form/],
      [JSON.stringify({ ...paired.jwk, x: paired.jwk.x.slice(0, -4).padEnd(43, 'A') }), /not a point of the curve/],
      [JSON.stringify({ jwk: paired.jwk, webauthn: { credential_id: 'x', rp_id: 'x' } }), /webauthn/],
    ];
    for (const [text, reason] of refusals) {
      assert.throws(
        () => presentedKeyOf(text, 'key'),
        (error: Error & { line?: string }) => reason.test(error.line ?? ''),
        text,
      );
    }
  });
});
