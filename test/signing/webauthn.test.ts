// Assertions of WebAuthn against the test vectors of the specification (https://www.w3.org/TR/webauthn-3/#sctn-test-vectors).
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, it } from 'node:test';
import { publicJwk } from '../../src/signing/familyKey.ts';
import { verifyAssertion } from '../../src/signing/webauthn.ts';
import { pairedKey } from '../support/familyKeys.ts';

interface Vector {
  readonly privateKey: string;
  readonly credentialId: string;
  readonly challenge: string;
  readonly authenticatorData: string;
  readonly clientData: string;
  readonly signature: string;
}

/** ES256 credential with no attestation. */
const ES256: Vector = {
  privateKey: '6e68e7a58484a3264f66b77f5d6dc5bc36a47085b615c9727ab334e8c369c2ee',
  credentialId: 'f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4',
  challenge: '39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408',
  authenticatorData: 'bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000',
  clientData:
    '{"type":"webauthn.get","challenge":"OcDnUhQXulTUPo3JUXT0I97pvzzYBP9tZchXyav01Ag","origin":"https://example.org","crossOrigin":false}',
  signature:
    '3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87',
};
/** Packed attestation with Ed25519 credential. */
const ED25519: Vector = {
  privateKey: '971f38c0f73aaf0c5a614eb5e26430ae1ea0ed13e4f425d96e9662349340b0b3',
  credentialId: 'ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bd',
  challenge: '895957e01c633a698348a2d8a31a54b7db27e8c1c43b2080d79ae2190267bfd2',
  authenticatorData: 'bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50100000000',
  clientData:
    '{"type":"webauthn.get","challenge":"iVlX4BxjOmmDSKLYoxpUt9sn6MHEOyCA15riGQJnv9I","origin":"https://example.org","crossOrigin":false}',
  signature:
    'f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cfdfc48f85393bc0d40b011f0d6fecb097d6607525713223a0dc0d453993dae00b',
};
/** ES256 credential with "crossOrigin": true. */
const CROSS_ORIGIN: Vector = {
  privateKey: '96c940e769bd9f1237c119f144fa61a4d56af0b3289685ae2bef7fb89620623d',
  credentialId: '6e1050c0d2ca2f07c755cb2c66a74c64fa43065c18f938354d9915db2bd5ce57',
  challenge: '876aa517ba83fdee65fcffdbca4c84eeae5d54f8041a1fc85c991e5bbb273137',
  authenticatorData: 'bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b50500000000',
  clientData:
    '{"type":"webauthn.get","challenge":"h2qlF7qD_e5l_P_bykyE7q5dVPgEGh_IXJkeW7snMTc","origin":"https://example.org","crossOrigin":true,"extraData":"clientDataJSON may be extended with additional fields in the future, such as this: 92pcTVD0Aby-q4dtmj6efg"}',
  signature:
    '3046022100eb12fcf23b12764c0f122e22371fab92e283879fd798f38ee1841c951b6e40e7022100c76237ff9db77b3c56f30837cda6a09acfa2e915544e609c0733b1184036d1cf',
};

/** The beginning of the DER of a private key (RFC 5915 in PKCS#8, RFC 8410), before its 32 bytes. */
const P256 = '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420';
const SEED = '302e020100300506032b657004220420';

const hex = (text: string) => Buffer.from(text, 'hex');
const base64url = (text: string) => hex(text).toString('base64url');

function verified(vector: Vector, prefix: string, isVerified = false, change: Partial<Vector> = {}) {
  const key = createPublicKey(createPrivateKey({ key: hex(prefix + vector.privateKey), format: 'der', type: 'pkcs8' }));
  const webauthn = {
    credential_id: base64url(vector.credentialId),
    rp_id: 'example.org',
    origin: 'https://example.org',
    user_verification: isVerified,
  };
  const paired = pairedKey({ jwk: publicJwk.parse(key.export({ format: 'jwk' })), webauthn });
  const { authenticatorData, clientData, signature, challenge } = { ...vector, ...change };
  const response = {
    authenticatorData: base64url(authenticatorData),
    clientDataJSON: Buffer.from(clientData).toString('base64url'),
    signature: base64url(signature),
  };
  const signer = verifyAssertion(hex(challenge), { id: webauthn.credential_id, response }, [paired]);
  return typeof signer === 'string' ? signer : 'verified';
}

describe('an assertion of the specification', () => {
  it('is verified with ES256 and with Ed25519', () => {
    assert.equal(verified(ES256, P256), 'verified');
    assert.equal(verified(ED25519, SEED), 'verified');
  });

  it('is refused with another challenge, after a change of any signed byte, and without the verification that was paired', () => {
    assert.match(verified(ES256, P256, false, { challenge: ED25519.challenge }), /the challenge does not fit the command/);
    for (const [vector, prefix] of [
      [ES256, P256],
      [ED25519, SEED],
    ] as const) {
      const counted = vector.authenticatorData.replace(/0$/, '1');
      assert.match(verified(vector, prefix, false, { authenticatorData: counted }), /the signature does not fit/);
      const spaced = vector.clientData.replace('{', '{ ');
      assert.match(verified(vector, prefix, false, { clientData: spaced }), /the signature does not fit/);
      assert.match(verified(vector, prefix, true), /the user was not verified/);
    }
  });

  it('is refused from a frame of another site', () => {
    assert.match(verified(CROSS_ORIGIN, P256), /in a frame of another site/);
  });
});
