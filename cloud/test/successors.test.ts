// Announcements of a robot's next certificate. Only the robot's current certificate can announce it, and only once.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { type JWTHeaderParameters, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { announcementOf, DevCa } from '../../src/identity/index.ts';
import { CERTIFICATE_NEXT_TYP } from '../../src/wire/index.ts';
import { fingerprintOf, revokeCertificate } from '../src/auth/certificates.ts';
import { Devices } from '../src/auth/devices.ts';
import { ORIGIN } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';
import { addDevice, type Device, deviceToken, makeDevice } from './support/device.ts';
import { Instance } from './support/instance.ts';
import { event } from './support/robot.ts';

const DAY_MS = 86_400_000;

const derOf = ({ raw }: X509Certificate): string => raw.toString('base64');

/** An announcement signed by the robot. */
async function announced(by: Device, next: Device): Promise<string> {
  const announcement = await announcementOf(by.thing, { cert: by.certificate.toString(), key: by.key }, next.certificate.toString());
  assert.ok(announcement);
  return announcement;
}

/** An announcement according to docs/reference/protocol.md (Device authentication), with the given changes. */
function changed(by: Device, next: Device, claims: JWTPayload = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  return new SignJWT({ iss: by.thing, next: derOf(next.certificate), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: CERTIFICATE_NEXT_TYP, 'x5t#S256': fingerprintOf(by.certificate), ...header })
    .sign(createPrivateKey(by.key));
}

interface Known {
  readonly robot: Device;
  /** Another certificate of the same robot, which `robot` announces. */
  readonly next: Device;
  readonly other: Device;
  readonly unknown: Device;
  readonly revoked: Device;
  readonly ended: Device;
  readonly endedNext: Device;
  readonly ca: X509Certificate;
}

/** Refused announcements. None of them makes `next` known. */
const REFUSED: Readonly<Record<string, (known: Known) => Promise<string> | string>> = {
  'no JWS': () => 'a.b.c',
  'alg none': ({ robot, next }) => new UnsecuredJWT({ iss: robot.thing, next: derOf(next.certificate) }).encode(),
  'another robot’s key': ({ robot, next, other }) => announced({ ...robot, key: other.key }, next),
  'another robot’s certificate': ({ other, next }) => announced(other, next),
  'another robot’s certificate with this robot’s name': ({ robot, other, next }) => changed(other, next, { iss: robot.thing }),
  'another robot’s name': ({ robot, other, next }) => changed(robot, next, { iss: other.thing }),
  'a certificate that is not known': ({ unknown, next }) => announced(unknown, next),
  'a certificate that is revoked': ({ revoked, next }) => announced(revoked, next),
  'an expired certificate': ({ ended, next }) => announced(ended, next),
  'the key of the next certificate': ({ robot, next }) => announced({ ...robot, key: next.key }, next),
  'a token for uploads': ({ robot, next }) => deviceToken(robot, { next: derOf(next.certificate) }),
  'another typ': ({ robot, next }) => changed(robot, next, {}, { typ: 'JWT' }),
  'the announcement of invalid bytes': ({ robot, next }) => changed(robot, next, { next: 'AAAA' }),
  'the announcement of a CA': ({ robot, next, ca }) => changed(robot, next, { next: derOf(ca) }),
  'the announcement of an expired certificate': ({ robot, endedNext }) => announced(robot, endedNext),
  'the announcement of another robot’s known certificate': ({ robot, other }) => announced(robot, other),
};

onEachDatabase('announced certificates', (db) => {
  let ca: DevCa;
  before(async () => {
    ca = await DevCa.create();
  });

  const isKnown = async (device: Device): Promise<boolean> => {
    const devices = new Devices({ db: db(), audience: () => ORIGIN, ca: null });
    const authorization = `Bearer ${await deviceToken(device)}`;
    return devices.authenticate(authorization).then(
      (thing) => thing === device.thing,
      () => false,
    );
  };

  let seq = 0;
  const publish = async (thing: string, ...announcements: readonly string[]): Promise<void> => {
    const cloud = new Instance(db());
    for (const announcement of announcements)
      await cloud.send('elderly_bot/events', event({ thing }, ++seq, { kind: 'certificate_next', announcement }));
    await cloud.stop();
  };

  const robotWithNext = async () => {
    const robot = await makeDevice(ca);
    await addDevice(db(), robot);
    return { robot, next: await makeDevice(ca, { thing: robot.thing }) };
  };

  test('a known certificate can announce the next one, which can announce another', async () => {
    const { robot, next } = await robotWithNext();
    const third = await makeDevice(ca, { thing: robot.thing });
    assert.equal(await isKnown(next), false);
    await publish(robot.thing, await announced(robot, next), await announced(next, third));
    assert.deepEqual([await isKnown(robot), await isKnown(next), await isKnown(third)], [true, true, true]);
  });

  for (const [name, announcement] of Object.entries(REFUSED)) {
    test(`refuses ${name}`, async () => {
      const { robot, next } = await robotWithNext();
      const { thing } = robot;
      const past = new Date(Date.now() - DAY_MS);
      const [other, unknown, revoked, ended, endedNext] = await Promise.all([
        makeDevice(ca),
        makeDevice(ca, { thing }),
        makeDevice(ca, { thing }),
        makeDevice(ca, { thing, notAfter: past }),
        makeDevice(ca, { thing, notAfter: past }),
      ]);
      for (const known of [other, revoked, ended]) await addDevice(db(), known);
      await revokeCertificate(db(), thing, revoked.certificate.toString());
      const certificates = async () => (await db().query('select 1 from device_certificates')).length;
      const before = await certificates();
      const refused = await announcement({
        robot,
        next,
        other,
        unknown,
        revoked,
        ended,
        endedNext,
        ca: new X509Certificate(ca.certificatePem),
      });
      await publish(thing, refused);
      assert.equal(await certificates(), before);
      assert.deepEqual([await isKnown(robot), await isKnown(next), await isKnown(other)], [true, false, true]);
    });
  }

  test('an announcement that another robot repeats is refused', async () => {
    const [{ robot, next }, { robot: other }] = [await robotWithNext(), await robotWithNext()];
    await publish(other.thing, await announced(robot, next));
    assert.equal(await isKnown(next), false);
  });

  test('a certificate announces only one successor; a repetition changes nothing and does not restore a revoked one', async () => {
    const { robot, next } = await robotWithNext();
    const another = await makeDevice(ca, { thing: robot.thing });
    const announcement = await announced(robot, next);
    await publish(robot.thing, announcement, await announced(robot, another), announcement);
    assert.deepEqual([await isKnown(next), await isKnown(another)], [true, false]);
    await revokeCertificate(db(), robot.thing, next.certificate.toString());
    await publish(robot.thing, announcement);
    assert.equal(await isKnown(next), false);
  });
});
