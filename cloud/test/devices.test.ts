// Authentication of robots: by the fingerprint of a certificate or by a CA, and with short-lived tokens that are accepted once.
import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { DevCa } from '../../src/identity/index.ts';
import { fingerprintOf, revokeCertificate } from '../src/auth/certificates.ts';
import { Devices } from '../src/auth/devices.ts';
import { ORIGIN } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { addDevice, type Device, deviceToken, makeDevice } from './support/device.ts';
import { newThing } from './support/robot.ts';

const DAY_MS = 86_400_000;
const MINUTE_S = 60;

const nowS = (): number => Math.floor(Date.now() / 1_000);
const x5c = (...chain: readonly (Device | X509Certificate)[]): Partial<JWTHeaderParameters> => ({
  x5c: chain.map((each) => ('certificate' in each ? each.certificate : each).raw.toString('base64')),
});
const claimsOf = ({ thing }: Device): JWTPayload => ({ iss: thing, sub: thing, aud: ORIGIN, exp: nowS() + 240, jti: randomUUID() });

interface Known {
  readonly robot: Device;
  readonly other: Device;
  readonly unknown: Device;
  readonly chained: Device;
  readonly foreign: Device;
  readonly revoked: Device;
  readonly expired: Device;
  readonly early: Device;
  readonly ca: X509Certificate;
}

/** Refused tokens, each with a pattern for the reason in the answer. */
const REFUSED: Readonly<Record<string, readonly [(known: Known) => Promise<string> | string, RegExp]>> = {
  'no JWT': [() => 'a.b.c', /not a JWT/],
  'alg none': [({ robot }) => new UnsecuredJWT(claimsOf(robot)).encode(), /x5t#S256|not a JWT/],
  'alg none with a certificate’s name': [({ robot }) => unsigned(robot), /not valid/],
  'the certificate as an HMAC key': [({ robot }) => hmac(robot), /not valid/],
  'an algorithm that does not match its key': [
    async ({ robot }) => {
      const [, ...rest] = (await deviceToken(robot)).split('.');
      const header = { alg: 'RS256', 'x5t#S256': fingerprintOf(robot.certificate) };
      return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.');
    },
    /not valid/,
  ],
  'another robot’s key': [({ robot, other }) => deviceToken({ ...robot, key: other.key }), /not valid/],
  'a changed claim': [
    async ({ robot, other }) => {
      const [header, , signature] = (await deviceToken(robot)).split('.');
      return [header, Buffer.from(JSON.stringify(claimsOf(other))).toString('base64url'), signature].join('.');
    },
    /not valid/,
  ],
  'another thing as sub': [({ robot, other }) => deviceToken(robot, { sub: other.thing }), /iss and sub must be/],
  'another thing as iss': [({ robot, other }) => deviceToken(robot, { iss: other.thing }), /iss and sub must be/],
  'another thing as iss and sub': [({ robot, other }) => deviceToken(robot, { iss: other.thing, sub: other.thing }), /iss and sub must be/],
  'a thing that differs from the CN of its chain': [
    ({ chained }) => deviceToken({ ...chained, thing: newThing() }, {}, x5c(chained)),
    /iss and sub must be/,
  ],
  'another origin': [({ robot }) => deviceToken(robot, { aud: 'https://elsewhere.example' }), /not valid/],
  'no origin': [({ robot }) => deviceToken(robot, { aud: undefined }), /not valid/],
  'an expiry time more than two minutes ago': [({ robot }) => deviceToken(robot, { exp: nowS() - 2 * MINUTE_S - 10 }), /not valid/],
  'an expiry time more than seven minutes ahead': [({ robot }) => deviceToken(robot, { exp: nowS() + 7 * MINUTE_S + 10 }), /too far ahead/],
  'a start time more than two minutes ahead': [({ robot }) => deviceToken(robot, { nbf: nowS() + 2 * MINUTE_S + 10 }), /not valid/],
  'no expiry time': [({ robot }) => deviceToken(robot, { exp: undefined }), /not valid/],
  'no jti': [({ robot }) => deviceToken(robot, { jti: undefined }), /not valid/],
  'a jti that is short': [({ robot }) => deviceToken(robot, { jti: 'short' }), /jti/],
  'a certificate that was not added': [({ unknown }) => deviceToken(unknown), /does not know this certificate/],
  'the chain of another CA': [({ foreign }) => deviceToken(foreign, {}, x5c(foreign)), /does not lead to the CA/],
  'the chain of another CA that ends with our CA': [
    ({ foreign, ca }) => deviceToken(foreign, {}, x5c(foreign, ca)),
    /does not lead to the CA/,
  ],
  'a chain through a robot’s own certificate': [
    ({ foreign, chained }) => deviceToken(foreign, {}, x5c(foreign, chained)),
    /signed by a certificate that is not a CA|does not lead to the CA/,
  ],
  'the chain of another robot': [({ foreign, chained }) => deviceToken(foreign, {}, x5c(chained)), /x5t#S256 is not/],
  'a chain without a valid certificate': [({ chained }) => deviceToken(chained, {}, { x5c: ['AAAA'] }), /x5c/],
  'a revoked certificate': [({ revoked }) => deviceToken(revoked), /revoked/],
  'a revoked certificate with its chain': [({ revoked }) => deviceToken(revoked, {}, x5c(revoked)), /revoked/],
  'an expired certificate': [({ expired }) => deviceToken(expired), /is valid from/],
  'an expired chain': [({ expired }) => deviceToken({ ...expired, thing: expired.thing }, {}, x5c(expired)), /is valid from|expired/],
  'a certificate that is not valid yet': [({ early }) => deviceToken(early), /is valid from/],
};

onEachDatabase('a robot’s token', (db, another) => {
  let known: Known;
  let devices: Devices;

  before(async () => {
    const [ours, theirs] = [await DevCa.create(), await DevCa.create('another owner')];
    const ca = new X509Certificate(ours.certificatePem);
    const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const future = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 2 * DAY_MS) };
    const [robot, other, unknown, chained, revoked] = await Promise.all([1, 2, 3, 4, 5].map(() => makeDevice(ours)));
    assert.ok(robot && other && unknown && chained && revoked);
    const foreign = await makeDevice(theirs);
    const [expired, early] = [await makeDevice(ours, past), await makeDevice(ours, future)];
    for (const device of [robot, other, revoked, expired, early]) await addDevice(db(), device);
    await revokeCertificate(db(), revoked.thing, revoked.certificate.toString());
    known = { robot, other, unknown, chained, foreign, revoked, expired, early, ca };
    devices = new Devices({ db: db(), audience: () => ORIGIN, ca });
  });

  for (const [name, [token, reason]] of Object.entries(REFUSED)) {
    test(`with ${name} is refused`, async () => {
      const authorization = `Bearer ${await token(known)}`;
      await assert.rejects(devices.authenticate(authorization), (error: Error & { statusCode?: number }) => {
        assert.equal(error.statusCode, 401);
        assert.match(error.message, reason);
        return true;
      });
    });
  }

  test('with a known certificate or with a chain to the CA identifies its thing', async () => {
    const { robot, chained, ca } = known;
    assert.equal(await devices.authenticate(`Bearer ${await deviceToken(robot)}`), robot.thing);
    assert.equal(await devices.authenticate(`Bearer ${await deviceToken(robot, {}, x5c(robot))}`), robot.thing);
    for (const chain of [x5c(chained), x5c(chained, ca)]) {
      assert.equal(await devices.authenticate(`Bearer ${await deviceToken(chained, {}, chain)}`), chained.thing);
    }
    const without = new Devices({ db: db(), audience: () => ORIGIN, ca: null });
    await assert.rejects(without.authenticate(`Bearer ${await deviceToken(chained, {}, x5c(chained))}`), /does not know this certificate/);
  });

  test('is accepted if the clock is up to two minutes fast or slow', async () => {
    const { robot } = known;
    for (const claims of [{ exp: nowS() - 2 * MINUTE_S + 10 }, { exp: nowS() + 7 * MINUTE_S - 10 }, { nbf: nowS() + 2 * MINUTE_S - 10 }]) {
      assert.equal(await devices.authenticate(`Bearer ${await deviceToken(robot, claims)}`), robot.thing);
    }
  });

  test('is accepted once, even by two instances at the same time; another robot may use the same jti', async () => {
    const { robot, other } = known;
    const elsewhere = new Devices({ db: another(), audience: () => ORIGIN, ca: null });
    const jti = randomUUID();
    const token = `Bearer ${await deviceToken(robot, { jti })}`;
    const tries = await Promise.allSettled([devices, elsewhere, devices, elsewhere].map((each) => each.authenticate(token)));
    assert.deepEqual(tries.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected', 'rejected']);
    await assert.rejects(elsewhere.authenticate(`Bearer ${await deviceToken(robot, { jti, exp: nowS() + 200 })}`), /used before/);
    assert.equal(await devices.authenticate(`Bearer ${await deviceToken(other, { jti })}`), other.thing);
  });
});

function unsigned(robot: Device): string {
  const header = { alg: 'none', 'x5t#S256': fingerprintOf(robot.certificate) };
  return `${[header, claimsOf(robot)].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
}

/** RFC 8725, 2.1: a verifier that does not check the algorithm would use the public key as a shared secret. */
function hmac(robot: Device): Promise<string> {
  return new SignJWT(claimsOf(robot))
    .setProtectedHeader({ alg: 'HS256', 'x5t#S256': fingerprintOf(robot.certificate) })
    .sign(Buffer.from(robot.certificate.publicKey.export({ type: 'spki', format: 'pem' })));
}
