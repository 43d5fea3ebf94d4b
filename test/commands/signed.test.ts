// The admission of signed commands. Family keys sign with jose; the robot verifies with node:crypto.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { CompactSign } from 'jose';
import { type AdmissionFacts, type Arrival, admit } from '../../src/commands/admit.ts';
import { configSchema } from '../../src/config/index.ts';
import { publicJwk } from '../../src/signing/familyKey.ts';
import type { FamilyKey } from '../../src/signing/index.ts';
import { admissionFacts, NOW } from '../support/admission.ts';
import { authenticator, type Phone, phone, signedText } from '../support/familyKeys.ts';

const commands = configSchema.shape.commands.parse({
  door: {
    topic: '/door',
    type: 'std_msgs/String',
    message: { data: '$value' },
    args: { value: { type: 'string', max_length: 20 } },
    signed: 'required',
  },
  lamp: {
    topic: '/lamp',
    type: 'std_msgs/Float32',
    message: { data: '$level' },
    args: { level: { type: 'number', min: 0, max: 1 } },
    signed: 'optional',
  },
  stop: { topic: '/cmd_vel', type: 'geometry_msgs/Twist', message: { linear: { x: 0 } } },
});

const door = { thing: 'bot', command: 'door', args: { value: 'open' }, id: 'a1', issued_at: NOW, expires_at: NOW + 10_000 };
const lamp = { ...door, command: 'lamp', args: { level: 0.5 } };

type Fields = Readonly<Record<string, unknown>>;

describe('a command that a family key must sign', () => {
  let anna: Phone;
  let bert: Phone;
  let stranger: Phone;
  let keys: FamilyKey[];
  before(async () => {
    [anna, bert, stranger] = [await phone('ES256'), await phone('EdDSA', 'Bert’s phone'), await phone('ES256', 'nobody')];
    keys = [anna.paired, bert.paired];
  });

  const verdictOf = (json: Fields | string, over: Partial<AdmissionFacts> = {}, arrived: Partial<Arrival> = {}) => {
    const payload = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
    const facts = admissionFacts(commands, { familyKeys: () => ({ keys, damage: undefined }), ...over });
    return admit({ payload, retained: false, expiryMs: undefined, ...arrived }, facts);
  };
  /** The reason and the detail of the refusal. */
  const refusal = (...parameters: Parameters<typeof verdictOf>) => {
    const verdict = verdictOf(...parameters);
    assert.ok(verdict.verdict === 'refused', `the command was ${verdict.verdict}`);
    return `${verdict.reason}: ${verdict.detail}`;
  };
  const CHANGED = /^not_allowed: signature: the signature does not fit the command: a field was changed/;

  it('is admitted with a signature by ES256 or EdDSA, and the verdict names the key', async () => {
    for (const each of [anna, bert]) {
      const verdict = verdictOf(await each.sign(door));
      assert.ok(verdict.verdict === 'admitted');
      assert.deepEqual([verdict.signer?.kid, verdict.messages[0]?.message], [each.kid, { data: 'open' }]);
    }
    assert.equal(verdictOf(await bert.sign(door, { alg: 'Ed25519' })).verdict, 'admitted');
  });

  it('may be sent with the short form `value`, which is signed as args', async () => {
    const { args, ...rest } = door;
    assert.equal(verdictOf(await anna.sign({ ...rest, value: 'open' })).verdict, 'admitted');
    const { sig } = await anna.sign(door);
    assert.equal(verdictOf({ ...rest, value: 'open', sig }).verdict, 'admitted');
  });

  it('is refused without a signature, and the refusal says what is missing', () => {
    assert.match(refusal(door), /^not_allowed: signature: missing; a family key that is paired with this robot must sign/);
  });

  it('is refused if any signed field differs from what was signed', async () => {
    const { sig } = await anna.sign(door);
    const changes: Fields[] = [
      { args: { value: 'shut' } },
      { id: 'a2' },
      { issued_at: NOW - 1 },
      { expires_at: NOW + 10_001 },
      { command: 'lamp', args: { level: 0.5 } },
    ];
    for (const change of changes) assert.match(refusal({ ...door, ...change, sig }), CHANGED);
    assert.match(refusal({ ...door, thing: 'other', sig }, { thing: 'other' }), CHANGED);
  });

  it('that was signed for another robot, too early, too late or for too long is refused by its own fields', async () => {
    const signed = async (change: Fields) => anna.sign({ ...door, ...change });
    assert.match(refusal(await signed({ thing: 'other' })), /^wrong_thing/);
    assert.match(refusal(await signed({ issued_at: NOW + 60_001, expires_at: NOW + 61_000 })), /^clock_skew/);
    assert.match(refusal(await signed({ issued_at: NOW - 9_000, expires_at: NOW - 2_001 })), /arrived 2001 ms after its expiry/);
    assert.match(refusal(await signed({ expires_at: NOW + 60_001 })), /valid for longer than the allowed 60000 ms/);
  });

  it('that is repeated is a duplicate, and with a new id it is refused', async () => {
    const signed = await anna.sign(door);
    assert.equal(verdictOf(signed, { known: (id) => id === 'a1' }).verdict, 'duplicate');
    assert.match(refusal({ ...signed, id: 'a2' }, { known: (id) => id === 'a1' }), CHANGED);
  });

  it('is refused if the key is not paired, or was revoked', async () => {
    assert.match(refusal(await stranger.sign(door)), /key [\w-]{43} is not paired with this robot, or was revoked/);
    assert.match(refusal(await anna.sign(door), { familyKeys: () => ({ keys: [bert.paired], damage: undefined }) }), /not paired/);
  });

  it('is refused if the header names another key than the one that signed', async () => {
    assert.match(refusal(await stranger.sign(door, { kid: anna.kid })), CHANGED);
    assert.match(refusal(await anna.sign(door, { kid: bert.kid })), /alg ES256 does not fit the key, which signs with EdDSA/);
  });

  it('is refused with alg none, and with an HMAC whose secret is the public key', () => {
    const pem = String(anna.paired.publicKey.export({ format: 'pem', type: 'spki' }));
    const forged = (alg: string, secrets: string[]) => {
      const header = Buffer.from(JSON.stringify({ alg, kid: anna.kid })).toString('base64url');
      const body = Buffer.from(signedText(door)).toString('base64url');
      return secrets.map((secret) => {
        const mac = secret && createHmac('sha256', secret).update(`${header}.${body}`).digest('base64url');
        return { ...door, sig: `${header}..${mac}` };
      });
    };
    for (const each of forged('none', [''])) assert.match(refusal(each), /alg none does not fit the key, which signs with ES256/);
    for (const each of forged('HS256', [pem, JSON.stringify(anna.paired.jwk)]))
      assert.match(refusal(each), /alg HS256 does not fit the key/);
  });

  it('is refused if the header brings a key or changes the rules', async () => {
    for (const header of [{ jwk: stranger.paired.jwk }, { jku: 'https://x' }, { x5c: [] }, { b64: true, crit: ['b64'] }, { typ: 'JWT' }]) {
      const sig = (await stranger.sign(door, { ...header, kid: anna.kid })).sig;
      assert.match(refusal({ ...door, sig }), /the header of the JWS must contain exactly alg and kid/);
    }
    const { kid: _, ...bare } = { kid: '' };
    const jws = await new CompactSign(Buffer.from(signedText(door))).setProtectedHeader({ alg: 'ES256', ...bare }).sign(anna.privateKey);
    assert.match(refusal({ ...door, sig: jws.replace(/\..*\./, '..') }), /must contain exactly alg and kid/);
  });

  it('is refused if it was signed on another curve', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const jws = await new CompactSign(Buffer.from(signedText(door))).setProtectedHeader({ alg: 'ES384', kid: anna.kid }).sign(privateKey);
    assert.match(refusal({ ...door, sig: jws.replace(/\..*\./, '..') }), /alg ES384 does not fit the key/);
    assert.equal(publicJwk.safeParse(publicKey.export({ format: 'jwk' })).success, false);
  });

  it('is refused if the signature is not a detached JWS in its only form', async () => {
    const { sig } = await anna.sign(door);
    const [header, , signature] = String(sig).split('.');
    const attached = `${header}.${Buffer.from(signedText(door)).toString('base64url')}.${signature}`;
    for (const odd of [attached, '', 'x', '..', `${sig}.`])
      assert.match(refusal({ ...door, sig: odd }), /not a detached JWS|must contain exactly/);
    for (const odd of [`${sig}=`, `${header}..${signature?.slice(0, -2)}`, `${header}..`])
      assert.match(refusal({ ...door, sig: odd }), CHANGED);
    for (const odd of [7, null, [], {}, [sig], true])
      assert.match(refusal({ ...door, sig: odd }), /neither a detached JWS nor an assertion/);
    assert.match(refusal({ ...door, sig: 'x'.repeat(600) }), /600 characters; at most 512/);
  });

  it('is refused if a key of its JSON is there twice, because the signer may have meant the other one', async () => {
    const { sig } = await anna.sign(door);
    const text = (args: string) => JSON.stringify({ ...door, args: 0, sig }).replace('"args":0', args);
    assert.equal(verdictOf(text('"args":{"value":"open"}')).verdict, 'admitted');
    for (const args of ['"args":{"value":"shut"},"args":{"value":"open"}', '"args":{"value":"shut","\\u0076alue":"open"}']) {
      assert.match(refusal(text(args)), /the key (args|value) is there twice/);
    }
  });

  it('is refused if it has no canonical form', async () => {
    const { sig } = await anna.sign(door);
    for (const value of ['"\\ud800"', '1e999']) {
      const text = JSON.stringify({ ...door, args: { value: 0 }, sig }).replace('"value":0', `"value":${value}`);
      assert.match(refusal(text), /no canonical form \(RFC 8785\)/);
    }
  });

  it('is refused if an argument was added under the name of a prototype', async () => {
    const { sig } = await anna.sign(door);
    const text = JSON.stringify({ ...door, sig }).replace('"value":"open"', '"value":"open","__proto__":{"value":"shut"}');
    assert.match(refusal(text), CHANGED);
  });

  it('is refused with the remedy while no key is paired, and with the damage while the file is damaged', async () => {
    const signed = await anna.sign(door);
    assert.match(refusal(signed, { familyKeys: () => ({ keys: [], damage: undefined }) }), /no family key is paired .* elderly-bot pair/);
    const damage = 'its content is not valid';
    assert.match(
      refusal(signed, { familyKeys: () => ({ keys, damage }) }),
      /the robot’s family keys can’t be used: its content is not valid/,
    );
  });

  it('is refused while the robot does not know the time, even with the expiry of the broker', async () => {
    const clock = { wallMs: NOW, trusted: false, connectedAtMs: undefined };
    assert.match(refusal(await anna.sign(door), { clock }, { expiryMs: 5_000 }), /^clock_untrusted/);
    assert.equal(verdictOf(lamp, { clock }, { expiryMs: 5_000 }).verdict, 'admitted');
  });

  it('may be unsigned if the signature is optional, but not wrongly signed', async () => {
    const unread = { familyKeys: () => assert.fail('an unsigned command needs no keys') };
    const unsigned = verdictOf(lamp, unread);
    assert.ok(unsigned.verdict === 'admitted' && unsigned.signer === undefined);
    const signed = verdictOf(await anna.sign(lamp));
    assert.ok(signed.verdict === 'admitted' && signed.signer?.kid === anna.kid);
    assert.match(refusal({ ...(await anna.sign(lamp)), args: { level: 1 } }), CHANGED);
    assert.match(refusal(await stranger.sign(lamp)), /not paired/);
    assert.match(refusal({ ...lamp, sig: null }), /neither a detached JWS/);
  });

  it('stop needs none, whatever it carries', () => {
    const unread = { familyKeys: () => assert.fail('a stop needs no keys') };
    for (const sig of [undefined, 'wrong', 7]) assert.equal(verdictOf({ command: 'stop', sig }, unread).verdict, 'stop');
  });

  it('is admitted with an assertion of a paired passkey by ES256 or EdDSA', () => {
    for (const alg of ['ES256', 'EdDSA'] as const) {
      const passkey = authenticator(alg);
      const verdict = verdictOf(passkey.sign(door), { familyKeys: () => ({ keys: [passkey.paired], damage: undefined }) });
      assert.ok(verdict.verdict === 'admitted');
      assert.equal(verdict.signer?.kid, passkey.paired.kid);
    }
  });

  it('is refused if the assertion is for another command, page or purpose, or the phone was not touched', () => {
    const passkey = authenticator();
    const paired = { familyKeys: () => ({ keys: [...keys, passkey.paired], damage: undefined }) };
    const told = (ceremony: Parameters<typeof passkey.sign>[1]) => refusal(passkey.sign(door, ceremony), paired);
    assert.match(told({ text: signedText(lamp) }), /the challenge does not fit the command/);
    assert.match(
      told({ origin: 'https://evil.example.org' }),
      /made on https:\/\/evil.example.org; the key was paired for https:\/\/family/,
    );
    assert.match(told({ rpId: 'example.org' }), /the assertion is not for family.example.org/);
    assert.match(told({ type: 'webauthn.create' }), /type webauthn.get/);
    assert.match(told({ crossOrigin: true }), /in a frame of another site/);
    assert.match(told({ flags: 0x04 }), /the authenticator was not touched/);
    assert.match(told({ flags: 0x01 }), /the user was not verified/);
    const other = authenticator('ES256', { credential_id: passkey.paired.webauthn?.credential_id ?? '' });
    assert.match(refusal(other.sign(door), paired), /the signature does not fit the assertion/);
    assert.match(refusal(authenticator().sign(door), paired), /is not paired with this robot/);
  });

  it('without user verification is admitted only if the passkey was paired so', () => {
    const passkey = authenticator('ES256', { user_verification: false });
    const paired = { familyKeys: () => ({ keys: [passkey.paired], damage: undefined }) };
    assert.equal(verdictOf(passkey.sign(door, { flags: 0x01 }), paired).verdict, 'admitted');
  });

  it('is refused if a passkey signs a JWS, or a plain key an assertion', async () => {
    const passkey = authenticator();
    const { webauthn: _, ...plain } = passkey.paired;
    const header = { kid: passkey.paired.kid };
    assert.match(
      refusal(await anna.sign(door, header), { familyKeys: () => ({ keys: [passkey.paired], damage: undefined }) }),
      /not paired/,
    );
    assert.match(refusal(passkey.sign(door), { familyKeys: () => ({ keys: [plain], damage: undefined }) }), /not paired/);
  });
});
