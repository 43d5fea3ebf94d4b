// Systems broken on purpose, each in one way and with real parts: the doctor names exactly that, first, with what to do and what to
// type, and puts all that follows from it under it. Here: the broker and the cloud.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { DevCa } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import type { Wire } from '../support/packetServer.ts';
import { freePort } from '../support/ports.ts';
import { rosUnavailable } from '../support/ros.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { UploadCloud } from '../support/uploadCloud.ts';
import { type Diagnosis, type TestPatient, Ward } from './fixtures.ts';
import { names } from './names.ts';
import { RefusingBroker } from './refusingBroker.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const DAY_MS = 86_400_000;

describe('the doctor, where one thing on the way to the cloud is broken', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let ward: Ward;
  let stranger: DevCa;
  let cloud: UploadCloud;

  before(async () => {
    ward = await Ward.open();
    stranger = await DevCa.create('somebody else');
    cloud = await UploadCloud.start();
  });

  after(async () => {
    await ward?.close();
    await cloud?.stop();
  });

  it('the configured root CA is not the broker’s', async () => {
    const patient = await ward.admit();
    const ca = stranger.writeCertificate(join(patient.folder, 'stranger'));
    names(await patient.examine({ AWS_ROOT_CA: ca }), 'broker_certificate', /not signed by the configured root CA.*it showed localhost/);
  });

  it('the broker’s certificate is for another name', async () => {
    const patient = await ward.admit();
    const broker = await ward.files.authority.issue(patient.folder, 'broker', { name: 'elsewhere', server: true, hosts: ['elsewhere'] });
    await withBroker(patient, { ...ward.files, broker }, (found) => names(found, 'broker_certificate', /for another name.*DNS:elsewhere/));
  });

  it('the broker’s certificate has expired', async () => {
    const patient = await ward.admit();
    const dates = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const broker = await ward.files.authority.issue(patient.folder, 'broker', {
      name: 'localhost',
      server: true,
      hosts: ['localhost'],
      ...dates,
    });
    await withBroker(patient, { ...ward.files, broker }, (found) => names(found, 'broker_certificate', /expired/));
  });

  it('the broker does not know who signed this robot’s certificate', async () => {
    const patient = await ward.admit();
    const files = await stranger.issue(join(patient.folder, 'stranger'), 'robot', { name: patient.name });
    const found = await patient.examine({ AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key });
    names(found, 'certificate_accepted', /unknown ca \(SSL alert number 48\)/);
  });

  it('nothing listens at the broker’s port', async () => {
    const port = await freePort();
    names(await (await ward.admit()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` }), 'tcp', /ECONNREFUSED/);
  });

  it('the broker’s name does not exist', async () => {
    names(await (await ward.admit()).examine({ AWS_IOT_ENDPOINT: 'broker.invalid' }), 'dns', /broker\.invalid: (ENOTFOUND|EAI_AGAIN)/);
  });

  it('the port takes connections and speaks no TLS', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('220 mail\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const found = await (await ward.admit()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` });
    server.close();
    names(found, 'broker_certificate', /no TLS/);
  });

  it('the broker lets everything be published but events', async () => {
    const patient = await ward.admit();
    const rooms = ['telemetry', 'backlog', 'results', 'presence'].map((room) => `topic write fleet/${patient.name}/${room}`);
    const acl = [`user ${patient.name}`, ...rooms, `topic read fleet/${patient.name}/#`].join('\n');
    const broker = await Mosquitto.start({ certificates: ward.files, acl });
    try {
      const found = await patient.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
      names(found, 'publish_rights', new RegExp(`publish fleet/${patient.name}/events$`));
      assert.match(
        String(found.told[0]?.remedy),
        /"Action":"iot:Publish","Resource":\["arn:aws:iot:REGION:ACCOUNT:topic\/fleet\/patient-\d+\/events"\]/,
      );
      assert.equal(found.told[0]?.command, `user ${patient.name}\ntopic write fleet/${patient.name}/events`);
    } finally {
      await broker.stop();
    }
  });

  it('the broker refuses the subscription of receipts, over MQTT 3.1.1', async () => {
    const patient = await ward.admit();
    const broker = await RefusingBroker.start(ward.files, { subscribe: (topic) => topic.endsWith('/receipts') });
    const found = await patient.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
    await broker.stop();
    names(found, 'subscribe_rights', new RegExp(`subscribe fleet/${patient.name}/receipts$`));
    assert.match(String(found.told[0]?.remedy), /iot:Subscribe.*topicfilter\/fleet.*iot:Receive/);
  });

  it('the policy does not let this client connect', async () => {
    const forbid = (wire: Wire) => {
      wire.send({ cmd: 'connack', reasonCode: 135, sessionPresent: false });
      return false;
    };
    await withScript({ onConnect: forbid }, (found) => names(found, 'mqtt', /does not allow this robot to connect/));
  });

  it('the broker hangs up, as IoT Core does on an inactive certificate', async () => {
    const hangUp = (wire: Wire) => {
      wire.cut();
      return false;
    };
    await withScript({ onConnect: hangUp }, (found) => names(found, 'mqtt', /closed the connection/));
  });

  const withCloud = async (patient: TestPatient, known = true) => {
    const pem = readFileSync(patient.files.cert, 'utf8');
    const row = [fingerprintOf(new X509Certificate(pem)), patient.name, pem];
    if (known) await cloud.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', row);
    writeFileSync(patient.configFile, `\nuploads: { api: '${cloud.origin}' }\n`, { flag: 'a' });
    return patient;
  };

  describe('with a cloud', { concurrency: 1 }, () => {
    it('the cloud API is down', async () => {
      const port = await freePort();
      names(await (await ward.admit({ config: `uploads: { api: 'http://127.0.0.1:${port}' }\n` })).examine(), 'cloud_api', /ECONNREFUSED/);
    });

    it('the cloud does not know this robot', async () => {
      const found = await (await withCloud(await ward.admit(), false)).examine();
      names(found, 'uploads', /the cloud answered 401/);
      assert.match(String(found.told[0]?.command), /elderly-bot-cloud device add patient-\d+ /);
    });

    it('the object store refuses the PUT', async () => {
      const patient = await withCloud(await ward.admit());
      const denied = { status: 403, code: 'AccessDenied' } as const;
      cloud.proxy.next(denied, denied, denied);
      names(await patient.examine(), 'uploads', /the object store answered 403: AccessDenied/);
    });

    it('the clocks differ by an hour', async () => {
      const patient = await withCloud(await ward.admit());
      cloud.aheadMs = 3_600_000;
      const found = await patient.examine();
      cloud.aheadMs = 0;
      names(found, 'clock_skew', /3(59|60)\d s behind the cloud’s/);
    });
  });

  async function withBroker(patient: TestPatient, certificates: Ward['files'], check: (found: Diagnosis) => void): Promise<void> {
    const broker = await Mosquitto.start({ certificates });
    try {
      check(await patient.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` }));
    } finally {
      await broker.stop();
    }
  }

  async function withScript(script: Parameters<typeof ScriptedBroker.start>[1], check: (found: Diagnosis) => void): Promise<void> {
    const broker = await ScriptedBroker.start(ward.files, script);
    try {
      check(await (await ward.admit()).examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` }));
    } finally {
      await broker.stop();
    }
  }
});
