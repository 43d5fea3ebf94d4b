// Tests the doctor with real parts. Each test breaks one part between the robot and the cloud. The doctor must report exactly this cause
// first, with a remedy and a command, and list all consequences under it.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { DevCa } from '../../src/identity/index.ts';
import { Mosquitto, mosquittoUnavailable } from '../support/mosquitto.ts';
import type { Wire } from '../support/packetServer.ts';
import { freePort } from '../support/ports.ts';
import { rosUnavailable } from '../support/ros.ts';
import { ScriptedBroker } from '../support/scriptedBroker.ts';
import { UploadCloud } from '../support/uploadCloud.ts';
import { assertCause, type Diagnosis, Fixtures, type TestRobot } from './fixtures.ts';
import { RefusingBroker } from './refusingBroker.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const DAY_MS = 86_400_000;

describe('the doctor with one fault between robot and cloud', { skip, timeout: 300_000, concurrency: 4 }, () => {
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

  it('reports a root CA that did not sign the broker’s certificate', async () => {
    const robot = await fixtures.addRobot();
    const ca = stranger.writeCertificate(join(robot.folder, 'stranger'));
    assertCause(
      await robot.examine({ AWS_ROOT_CA: ca }),
      'broker_certificate',
      /not signed by the configured root CA.*shows the certificate localhost .*, which the root CA somebody else has not signed/,
    );
  });

  it('reports a broker certificate for another host name', async () => {
    const robot = await fixtures.addRobot();
    const broker = await fixtures.files.authority.issue(robot.folder, 'broker', { name: 'elsewhere', server: true, hosts: ['elsewhere'] });
    await withBroker(robot, { ...fixtures.files, broker }, (found) =>
      assertCause(found, 'broker_certificate', /for another name.*DNS:elsewhere/),
    );
  });

  it('reports an expired broker certificate', async () => {
    const robot = await fixtures.addRobot();
    const dates = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    const broker = await fixtures.files.authority.issue(robot.folder, 'broker', {
      name: 'localhost',
      server: true,
      hosts: ['localhost'],
      ...dates,
    });
    await withBroker(robot, { ...fixtures.files, broker }, (found) => assertCause(found, 'broker_certificate', /expired/));
  });

  it('reports a robot certificate whose CA is unknown to the broker', async () => {
    const robot = await fixtures.addRobot();
    const files = await stranger.issue(join(robot.folder, 'stranger'), 'robot', { name: robot.name });
    const found = await robot.examine({ AWS_CERT_FILE: files.cert, AWS_PRIVATE_KEY: files.key });
    assertCause(found, 'certificate_accepted', /: the server does not know the CA of the client’s certificate$/);
  });

  it('reports a closed port', async () => {
    const port = await freePort();
    assertCause(
      await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` }),
      'tcp',
      /^at .*127\.0\.0\.1:\d+: connection refused$/,
    );
  });

  it('reports a host name that does not exist', async () => {
    assertCause(await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: 'broker.invalid' }), 'dns', /broker\.invalid/);
  });

  it('reports a port without TLS', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).end('220 mail\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const found = await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${port}` });
    server.close();
    assertCause(found, 'broker_certificate', /: another service answers instead of the broker: “220 mail”$/);
  });

  it('reports a broker that speaks MQTT without TLS', async () => {
    const plain = await Mosquitto.start();
    const found = await (await fixtures.addRobot()).examine({ AWS_IOT_ENDPOINT: `localhost:${plain.port}` });
    await plain.stop();
    assertCause(found, 'broker_certificate', /127\.0\.0\.1:\d+: the broker speaks MQTT without TLS there$/);
  });

  it('reports name servers that fail, and tries the addresses that the agent knew last', async () => {
    const robot = await fixtures.addRobot();
    const issued = { name: 'broker.invalid', server: true, hosts: ['broker.invalid'] };
    const broker = await fixtures.files.authority.issue(robot.folder, 'broker', issued);
    robot.createStateDir();
    const known = { host: 'broker.invalid', port: null, addresses: ['127.0.0.1'], spending: { month: '', messages: 0 } };
    writeFileSync(join(robot.stateDir, 'uplink.json'), JSON.stringify(known));
    const mosquitto = await Mosquitto.start({ certificates: { ...fixtures.files, broker } });
    const found = await robot.examine({ AWS_IOT_ENDPOINT: `broker.invalid:${mosquitto.port}` });
    await mosquitto.stop();
    assertCause(found, 'dns', /broker\.invalid.*; the agent uses the last known addresses 127\.0\.0\.1$/);
    const observed = (code: string) => found.checks.find((check) => check.code === code)?.observed ?? '';
    assert.match(observed('tcp'), /^127\.0\.0\.1:\d+ is open after \d+ ms$/);
    assert.match(observed('mqtt'), /^connected as robot-/);
  });

  it('reports each interface of mqtt.uplinks: whether it exists, and whether the broker is reached over it', async () => {
    const robot = await fixtures.addRobot({ config: 'mqtt: { uplinks: [wwan9, lo] }\n' });
    const found = await robot.examine();
    assertCause(found, 'uplink.wwan9', /^this machine has no interface wwan9, but /);
    assert.equal(found.causes[0]?.status, 'warning');
    const none = await (await fixtures.addRobot({ config: 'mqtt: { uplinks: [wwan9] }\n' })).examine();
    const causes = none.causes.map(({ code, observed }) => `${code} ${observed}`).join('\n');
    assert.match(causes, /^tcp at .* by wwan9: this machine has no interface wwan9, which mqtt\.uplinks names$/m);
    assert.match(causes, /^uplink\.wwan9 this machine has no interface wwan9, but /m);
    const lo = found.checks.find(({ code }) => code === 'uplink.lo');
    assert.deepEqual([lo?.status, /; reaches .*:\d+ by lo in \d+ ms$/.test(lo?.observed ?? '')], ['ok', true], lo?.observed);
  });

  it('reports the missing right to publish events', async () => {
    const robot = await fixtures.addRobot();
    const topics = ['telemetry', 'backlog', 'results', 'presence'].map((topic) => `topic write fleet/${robot.name}/${topic}`);
    const acl = [`user ${robot.name}`, ...topics, `topic read fleet/${robot.name}/#`].join('\n');
    const broker = await Mosquitto.start({ certificates: fixtures.files, acl });
    try {
      const found = await robot.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
      assertCause(found, 'publish_rights', new RegExp(`publish fleet/${robot.name}/events$`));
      assert.match(
        String(found.causes[0]?.remedy),
        /"Action":"iot:Publish","Resource":\["arn:aws:iot:REGION:ACCOUNT:topic\/fleet\/robot-\d+\/events"\]/,
      );
      assert.equal(found.causes[0]?.command, `user ${robot.name}\ntopic write fleet/${robot.name}/events`);
    } finally {
      await broker.stop();
    }
  });

  it('reports the missing right to subscribe to receipts, over MQTT 3.1.1', async () => {
    const robot = await fixtures.addRobot();
    const broker = await RefusingBroker.start(fixtures.files, { subscribe: (topic) => topic.endsWith('/receipts') });
    const found = await robot.examine({ AWS_IOT_ENDPOINT: `localhost:${broker.port}` });
    await broker.stop();
    assertCause(found, 'subscribe_rights', new RegExp(`subscribe fleet/${robot.name}/receipts$`));
    assert.match(String(found.causes[0]?.remedy), /iot:Subscribe.*topicfilter\/fleet.*iot:Receive/);
  });

  it('reports a policy that does not allow this client to connect', async () => {
    const forbid = (wire: Wire) => {
      wire.send({ cmd: 'connack', reasonCode: 135, sessionPresent: false });
      return false;
    };
    await withScript({ onConnect: forbid }, (found) => assertCause(found, 'mqtt', /does not allow this robot to connect/));
  });

  it('reports a broker that closes the connection, like IoT Core with an inactive certificate', async () => {
    const hangUp = (wire: Wire) => {
      wire.cut();
      return false;
    };
    await withScript({ onConnect: hangUp }, (found) => assertCause(found, 'mqtt', /closed the connection/));
  });

  const withCloud = async (robot: TestRobot, isKnown = true) => {
    const pem = readFileSync(robot.files.cert, 'utf8');
    const row = [fingerprintOf(new X509Certificate(pem)), robot.name, pem];
    if (isKnown) await cloud.db.query('insert into device_certificates (fingerprint, thing, certificate) values ($1, $2, $3)', row);
    writeFileSync(robot.configFile, `\nuploads: { api: '${cloud.origin}' }\n`, { flag: 'a' });
    return robot;
  };

  describe('with a cloud', { concurrency: 1 }, () => {
    it('reports a cloud API that is down', async () => {
      const port = await freePort();
      assertCause(
        await (await fixtures.addRobot({ config: `uploads: { api: 'http://127.0.0.1:${port}' }\n` })).examine(),
        'cloud_api',
        /ECONNREFUSED/,
      );
    });

    it('reports a robot that the cloud does not know', async () => {
      const found = await (await withCloud(await fixtures.addRobot(), false)).examine();
      assertCause(found, 'uploads', /the cloud answered 401/);
      assert.match(String(found.causes[0]?.command), /elderly-bot-cloud device add robot-\d+ /);
    });

    it('reports an object store that refuses the PUT', async () => {
      const robot = await withCloud(await fixtures.addRobot());
      const denied = { status: 403, code: 'AccessDenied' } as const;
      cloud.proxy.next(denied, denied, denied);
      assertCause(await robot.examine(), 'uploads', /the object store answered 403: “AccessDenied”/);
    });

    it('reports clocks that differ by an hour', async () => {
      const robot = await withCloud(await fixtures.addRobot());
      cloud.aheadMs = 3_600_000;
      const found = await robot.examine();
      cloud.aheadMs = 0;
      assertCause(found, 'clock_skew', /3(59|60)\d s behind the cloud’s/);
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
