// Each system is broken on purpose in one way, with real parts. The doctor shows exactly this cause first, with a remedy and a command,
// and puts all consequences under it. This file: the broker and the cloud.
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
import { type Diagnosis, Fixtures, type TestRobot } from './fixtures.ts';
import { names } from './names.ts';
import { RefusingBroker } from './refusingBroker.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const DAY_MS = 86_400_000;

describe('the doctor, if one thing between robot and cloud is broken', { skip, timeout: 300_000, concurrency: 4 }, () => {
  let fixtures: Fixtures;
  let stranger: DevCa;
  let cloud: UploadCloud;

  before(async () => {
    fixtures = await Fixtures.open();
    stranger = await DevCa.create('somebody else');
    cloud = await UploadCloud.start();
  });

  after(async () => {
    await fixtures?.close();
    await cloud?.stop();
  });

  it('the configured root CA is not the broker’s', async () => {
    const robot = await fixtures.addRobot();
    const ca = stranger.writeCertificate(join(robot.folder, 'stranger'));
    names(await robot.examine({ AWS_ROOT_CA: ca }), 'broker_certificate', /not signed by the configured root CA.*it showed localhost/);
  });

  it('the broker’s certificate is for another name', async () => {
    const robot = await fixtures.addRobot();
    const broker = await fixtures.files.authority.issue(robot.folder, 'broker', { name: 'elsewhere', server: true, hosts: ['elsewhere'] });
    await withBroker(robot, { ...fixtures.files, broker }, (found) =>
      names(found, 'broker_certificate', /for another name.*DNS:elsewhere/),
    );
  });

  it('the broker’s certificate has expired', async () => {
    const robot = await fixtures.addRobot();
    const dates = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const broker = await fixtures.files.authority.issue(robot.folder, 'broker', {
      name: 'localhost',
      server: true,
      hosts: ['localhost'],
      ...dates,
    });
    await withBroker(robot, { ...fixtures.files, broker }, (found) => names(found, 'broker_certificate', /expired/));
  });

  it('the broker does not know the CA of this robot’s certificate', async () => {
    const robot = await fixtures.addRobot();
    const files = await stranger.issue(join(robot.folder, 'stranger'), 'robot', { name: robot.name });
    const found = await robot.examine({ AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key });
    names(found, 'certificate_accepted', /unknown ca \(SSL alert number 48\)/);
  });

  it('nothing listens at the broker’s port', async () => {
    const port = await freePort();
    names(await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` }), 'tcp', /ECONNREFUSED/);
  });

  it('the broker’s name does not exist', async () => {
    names(
      await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: 'broker.invalid' }),
      'dns',
      /broker\.invalid: (ENOTFOUND|EAI_AGAIN)/,
    );
  });

  it('the port accepts connections and does not speak TLS', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('220 mail\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const found = await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` });
    server.close();
    names(found, 'broker_certificate', /no TLS/);
  });

  it('the broker allows all publications except events', async () => {
    const robot = await fixtures.addRobot();
    const topics = ['telemetry', 'backlog', 'results', 'presence'].map((topic) => `topic write fleet/${robot.name}/${topic}`);
    const acl = [`user ${robot.name}`, ...topics, `topic read fleet/${robot.name}/#`].join('\n');
    const broker = await Mosquitto.start({ certificates: fixtures.files, acl });
    try {
      const found = await robot.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
      names(found, 'publish_rights', new RegExp(`publish fleet/${robot.name}/events$`));
      assert.match(
        String(found.causes[0]?.remedy),
        /"Action":"iot:Publish","Resource":\["arn:aws:iot:REGION:ACCOUNT:topic\/fleet\/robot-\d+\/events"\]/,
      );
      assert.equal(found.causes[0]?.command, `user ${robot.name}\ntopic write fleet/${robot.name}/events`);
    } finally {
      await broker.stop();
    }
  });

  it('the broker refuses the subscription of receipts, over MQTT 3.1.1', async () => {
    const robot = await fixtures.addRobot();
    const broker = await RefusingBroker.start(fixtures.files, { subscribe: (topic) => topic.endsWith('/receipts') });
    const found = await robot.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
    await broker.stop();
    names(found, 'subscribe_rights', new RegExp(`subscribe fleet/${robot.name}/receipts$`));
    assert.match(String(found.causes[0]?.remedy), /iot:Subscribe.*topicfilter\/fleet.*iot:Receive/);
  });

  it('the policy does not let this client connect', async () => {
    const forbid = (wire: Wire) => {
      wire.send({ cmd: 'connack', reasonCode: 135, sessionPresent: false });
      return false;
    };
    await withScript({ onConnect: forbid }, (found) => names(found, 'mqtt', /does not allow this robot to connect/));
  });

  it('the broker closes the connection, as IoT Core does for an inactive certificate', async () => {
    const hangUp = (wire: Wire) => {
      wire.cut();
      return false;
    };
    await withScript({ onConnect: hangUp }, (found) => names(found, 'mqtt', /closed the connection/));
  });

  const withCloud = async (robot: TestRobot, known = true) => {
    const pem = readFileSync(robot.files.cert, 'utf8');
    const row = [fingerprintOf(new X509Certificate(pem)), robot.name, pem];
    if (known) await cloud.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', row);
    writeFileSync(robot.configFile, `\nuploads: { api: '${cloud.origin}' }\n`, { flag: 'a' });
    return robot;
  };

  describe('with a cloud', { concurrency: 1 }, () => {
    it('the cloud API is down', async () => {
      const port = await freePort();
      names(
        await (await fixtures.addRobot({ config: `uploads: { api: 'http://127.0.0.1:${port}' }\n` })).examine(),
        'cloud_api',
        /ECONNREFUSED/,
      );
    });

    it('the cloud does not know this robot', async () => {
      const found = await (await withCloud(await fixtures.addRobot(), false)).examine();
      names(found, 'uploads', /the cloud answered 401/);
      assert.match(String(found.causes[0]?.command), /elderly-bot-cloud device add robot-\d+ /);
    });

    it('the object store refuses the PUT', async () => {
      const robot = await withCloud(await fixtures.addRobot());
      const denied = { status: 403, code: 'AccessDenied' } as const;
      cloud.proxy.next(denied, denied, denied);
      names(await robot.examine(), 'uploads', /the object store answered 403: AccessDenied/);
    });

    it('the clocks differ by an hour', async () => {
      const robot = await withCloud(await fixtures.addRobot());
      cloud.aheadMs = 3_600_000;
      const found = await robot.examine();
      cloud.aheadMs = 0;
      names(found, 'clock_skew', /3(59|60)\d s behind the cloud’s/);
    });
  });

  async function withBroker(robot: TestRobot, certificates: Fixtures['files'], check: (found: Diagnosis) => void): Promise<void> {
    const broker = await Mosquitto.start({ certificates });
    try {
      check(await robot.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` }));
    } finally {
      await broker.stop();
    }
  }

  async function withScript(script: Parameters<typeof ScriptedBroker.start>[1], check: (found: Diagnosis) => void): Promise<void> {
    const broker = await ScriptedBroker.start(fixtures.files, script);
    try {
      check(await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` }));
    } finally {
      await broker.stop();
    }
  }
});
