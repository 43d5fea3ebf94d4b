// Verifies the worked example of a signed command in docs/reference/protocol.md, with the program's own code and with jose.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { calculateJwkThumbprint, flattenedVerify, importJWK, type JWK } from 'jose';
import { ROOT } from '../../scripts/lab/program.ts';
import { canonicalCommand, presentedKeyOf, type SignedCommand, shownFingerprint, verifySignature } from '../../src/signing/index.ts';
import { pairedKey } from '../support/familyKeys.ts';

const PAGE = readFileSync(`${ROOT}docs/reference/protocol.md`, 'utf8');
const [, SECTION = ''] = /\n### Signed commands\n([\s\S]*?)\n## /.exec(PAGE) ?? [];
const [command = '', text = '', jwk = ''] = [...SECTION.matchAll(/```(?:json)?\n([\s\S]*?)\n```/g)].map(([, block = '']) => block);

describe('the example of a signed command', () => {
  const { sig, ...fields } = JSON.parse(command) as SignedCommand & { readonly sig: string };

  it('has the canonical form that the page shows', () => {
    assert.equal(canonicalCommand(fields), text);
  });

  it('is verified by jose, with the thumbprint as kid', async () => {
    const [header = '', , signature = ''] = sig.split('.');
    const key = JSON.parse(jwk) as JWK;
    const { protectedHeader } = await flattenedVerify(
      { protected: header, payload: Buffer.from(text).toString('base64url'), signature },
      await importJWK(key, 'EdDSA'),
    );
    assert.deepEqual(protectedHeader, { alg: 'EdDSA', kid: await calculateJwkThumbprint(key) });
  });

  it('is verified by the robot, and its key has the fingerprint of the page', () => {
    const key = pairedKey(presentedKeyOf(jwk, 'the page'));
    const signer = verifySignature(fields, sig, [key]);
    assert.equal(signer, key);
    assert.ok(SECTION.includes(shownFingerprint(key.kid)));
  });
});
