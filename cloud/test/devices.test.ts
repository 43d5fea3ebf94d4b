// Who a robot is: by its certificate's fingerprint or a CA's word, by a token that is good once and not for long.
import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { DevCa } from '../../src/identity/index.ts';
import { fingerprintOf } from '../src/auth/certificates.ts';
import { Devices } from '../src/auth/devices.ts';
import { ORIGIN } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { newThing } from './support/robot.ts';

interface Robot {
  readonly thing: string;
  readonly certificate: X509Certificate;
  readonly key: string;
}

onEachDatabase('a robot’s token', (db) => {
  let folder: string;
  let ca: DevCa;
  let devices: Devices;
  let chained: Devices;
  let robot: Robot;

  const make = async (authority: DevCa, thing = newThing()): Promise<Robot> => {
    const files = await authority.issue(join(folder, thing), 'robot', { name: thing });
    return { thing, certificate: new X509Certificate(readFileSync(files.cert)), key: readFileSync(files.key, 'utf8') };
  };

  const add = ({ thing, certificate }: Robot) =>
    db().query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', [
      fingerprintOf(certificate),
      thing,
      certificate.toString(),
    ]);

  const sign = (by: Robot, claims: JWTPayload = {}, header: Partial<JWTHeaderParameters> = {}) => {
    const nowS = Math.floor(Date.now() / 1_000);
    const { thing, certificate, key } = by;
    return new SignJWT({ iss: thing, sub: thing, aud: ORIGIN, exp: nowS + 240, jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'ES256', 'x5t#S256': fingerprintOf(certificate), ...header })
      .sign(createPrivateKey(key));
  };

  const refuses = async (token: string, why: RegExp, by = devices) =>
    assert.rejects(by.authenticate(`Bearer ${token}`), (error: Error & { status?: number }) => {
      assert.match(error.message, why);
      return true;
    });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-devices-'));
    ca = await DevCa.create();
    devices = new Devices({ db: db(), audience: () => ORIGIN, ca: null });
    chained = new Devices({ db: db(), audience: () => ORIGIN, ca: new X509Certificate(ca.certificatePem) });
    robot = await make(ca);
    await add(robot);
  });

  after(() => rmSync(folder, { recursive: true }));

  test('of a known certificate names its thing, once', async () => {
    const token = await sign(robot);
    assert.equal(await devices.authenticate(`Bearer ${token}`), robot.thing);
    await refuses(token, /used before/);
  });

  test('is good with a clock two minutes off, and not with more', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    assert.equal(await devices.authenticate(`Bearer ${await sign(robot, { exp: nowS - 110 })}`), robot.thing);
    assert.equal(await devices.authenticate(`Bearer ${await sign(robot, { exp: nowS + 300 + 110 })}`), robot.thing);
    await refuses(await sign(robot, { exp: nowS - 130 }), /not valid/);
    await refuses(await sign(robot, { exp: nowS + 300 + 130 }), /too far ahead/);
  });

  test('of another thing, for another origin, unsigned or signed by another key is refused', async () => {
    const other = await make(ca);
    await refuses(await sign(robot, { sub: 'somebody' }), /iss and sub must be/);
    await refuses(await sign(robot, { aud: 'https://elsewhere.example' }), /not valid/);
    await refuses(await sign({ ...robot, key: other.key }), /not valid/);
    await refuses(await sign(robot, { jti: 'short' }), /jti/);
    await refuses(new UnsecuredJWT({ iss: robot.thing, sub: robot.thing, aud: ORIGIN }).encode(), /x5t#S256|no JWT/);
    const nowS = Math.floor(Date.now() / 1_000);
    const hmac = await new SignJWT({ iss: robot.thing, sub: robot.thing, aud: ORIGIN, exp: nowS + 60, jti: randomUUID() })
      .setProtectedHeader({ alg: 'HS256', 'x5t#S256': fingerprintOf(robot.certificate) })
      .sign(Buffer.from(robot.certificate.toString()));
    await refuses(hmac, /not valid/);
    await refuses(await sign(other), /not known here/);
  });

  test('of a CA that is trusted is believed with its chain, of another it is not', async () => {
    const [ours, foreign] = [await make(ca), await make(await DevCa.create('somebody else'))];
    const x5c = ({ certificate }: Robot) => ({ x5c: [certificate.raw.toString('base64')] });
    assert.equal(await chained.authenticate(`Bearer ${await sign(ours, {}, x5c(ours))}`), ours.thing);
    await refuses(await sign(foreign, {}, x5c(foreign)), /./, chained);
    await refuses(await sign(foreign, {}, x5c(ours)), /x5t#S256 is not/, chained);
  });

  test('of a revoked certificate is never good again, whatever its chain says', async () => {
    const gone = await make(ca);
    await add(gone);
    await db().query('update device_certificates set revoked_at = now() where fingerprint = $1', [fingerprintOf(gone.certificate)]);
    await refuses(await sign(gone, {}, { x5c: [gone.certificate.raw.toString('base64')] }), /revoked/, chained);
  });
});
