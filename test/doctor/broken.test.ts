// Systems broken on purpose, each in one way and with real parts: the doctor names exactly that, first, with what to do and what to
// type, and puts all that follows from it under it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fingerprintOf } from '../../cloud/src/auth/certificates.ts';
import { DevCa } from '../../src/identity/index.ts';
import { FakeClock, fakeClockMissing } from '../faults/fakeClock.ts';
import { Volume } from '../faults/volume.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { OpenSsl, opensslMissing } from '../support/openssl.ts';
import { freePort } from '../support/ports.ts';
import { ROOT } from '../support/program.ts';
import { rosUnavailable } from '../support/ros.ts';
import { ScriptedBroker, type Wire } from '../support/scriptedBroker.ts';
import { UploadCloud } from '../support/uploadCloud.ts';
import { damageOutbox, leaveOutbox } from './leftOutbox.ts';
import { RefusingBroker } from './refusingBroker.ts';
import { type Diagnosis, type TestPatient, Ward } from './ward.ts';

const skip = rosUnavailable() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const asRoot = process.getuid?.() === 0 ? false : 'needs root';
const DAY_MS = 86_400_000;
const AT_ONCE = 6;

describe('the doctor, where one thing is broken', { skip, timeout: 300_000, concurrency: AT_ONCE }, () => {
  let ward: Ward;
  let stranger: DevCa;
  let cloud: UploadCloud;

  before(async () => {
    ward = await Ward.open();
    stranger = await DevCa.create('somebody else');
    cloud = await UploadCloud.start();
    ward.publish('/best_effort', 'std_msgs/msg/Bool', () => ({ data: false }), {
      reliability: 'best_effort',
      durability: 'volatile',
      depth: 5,
    });
    ward.publish('/level', 'std_msgs/msg/Int32', () => ({ data: 3 }));
    ward.publish('/recorded', 'sensor_msgs/msg/Temperature', () => ({
      temperature: 20,
      header: { stamp: { sec: 1_600_000_000, nanosec: 0 } },
    }));
    ward.advertise('/mute', 'std_msgs/msg/Bool');
  });

  after(async () => {
    await ward?.close();
    await cloud?.stop();
  });

  /** The one cause, first and alone: what else is told can only be that no agent runs here. */
  const names = ({ told, code, checks }: Diagnosis, cause: string, seen: RegExp) => {
    assert.equal(told[0]?.code, cause, JSON.stringify(checks, undefined, 1));
    assert.deepEqual(
      told.slice(1).map((one) => one.code),
      told.slice(1).some((one) => one.code === 'agent') ? ['agent'] : [],
    );
    assert.match(told[0].seen, seen);
    assert.ok(told[0].do, 'it says what to do');
    assert.ok(told[0].command, 'it says what to type');
    assert.equal(code, 1);
  };

  const config = (text: string) => ward.admit({ config: text });

  it('the configuration is not there', async () => {
    const patient = await ward.admit();
    rmSync(patient.configFile);
    names(await patient.examine(), 'configuration', /robot\.yaml: no such file/);
  });

  it('a key of the configuration is unknown', async () => {
    names(
      await (await config('mqtt: { keepalife: 10s }\n')).examine(),
      'configuration',
      /robot\.yaml:4:9: unknown key mqtt\.keepalife, did you mean keepalive/,
    );
  });

  it('one channel of the configuration is wrong', async () => {
    names(await (await config('channels: { gas: { class: alarm } }\n')).examine(), 'configuration', /channels\.gas\.class is "alarm"/);
  });

  it('the private key can be read by others', async () => {
    const patient = await ward.admit();
    chmodSync(patient.files.key, 0o644);
    const found = await patient.examine();
    names(found, 'key', /mode 0644/);
    assert.equal(found.told[0]?.command, `chmod 600 ${patient.files.key}`);
  });

  it('the private key is another certificate’s', async () => {
    const [patient, other] = [await ward.admit(), await ward.admit()];
    names(await patient.examine({ AWS_PRIVATE_KEY: other.files.key }), 'key', /not the certificate’s/);
  });

  it('the private key has a passphrase', { skip: opensslMissing() }, async () => {
    const patient = await ward.admit();
    const key = new OpenSsl(join(patient.folder, 'openssl')).key('rsa-encrypted');
    names(await patient.examine({ AWS_PRIVATE_KEY: key }), 'key', /passphrase/);
  });

  it('the certificate is not there', async () => {
    const patient = await ward.admit();
    rmSync(patient.files.cert);
    names(await patient.examine(), 'certificate', /cert_file .*: no such file/);
  });

  it('the root CA is not there', async () => {
    const patient = await ward.admit();
    names(await patient.examine({ AWS_ROOT_CA: join(patient.folder, 'none.pem') }), 'certificate', /root_ca .*none\.pem: no such file/);
  });

  it('the certificate has expired', async () => {
    const over = { notBefore: new Date(Date.now() - 9 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) };
    names(await (await ward.admit({ certificate: over })).examine(), 'certificate', /was valid until/);
  });

  it('the certificate ends soon', async () => {
    const soon = { notAfter: new Date(Date.now() + 5.5 * DAY_MS) };
    names(await (await ward.admit({ certificate: soon })).examine(), 'certificate', /5 days from now/);
  });

  it('the certificate is a server’s', async () => {
    names(await (await ward.admit({ certificate: { server: true } })).examine(), 'certificate', /is for servers/);
  });

  for (const [year, seen] of [
    [1970, /shows 1970-01-01.* before this program was released/],
    [2028, /this robot’s certificate and the broker’s have both run out/],
  ] as const) {
    it(`the clock stands in ${year}`, { skip: fakeClockMissing() }, async () => {
      const patient = await ward.admit();
      const clock = new FakeClock(join(patient.folder, 'clock'));
      clock.set(Math.round((Date.UTC(year, 0, 1, 12) - Date.now()) / 1_000));
      const found = await patient.examine(clock.env());
      names(found, 'clock', seen);
    });
  }

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
    await withBroker(patient, { ...ward.files, broker }, (found) => names(found, 'broker_certificate', /out of date/));
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
        String(found.told[0]?.do),
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
    assert.match(String(found.told[0]?.do), /iot:Subscribe.*topicfilter\/fleet.*iot:Receive/);
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

  it('there is no ROS 2', async () => {
    const patient = await ward.admit();
    const found = await patient.examine({ AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: join(patient.folder, 'none') });
    names(found, 'ros', /no ROS 2 environment/);
    assert.ok(found.checks.filter(({ hidden_by: by }) => by === 'ros').length >= 8, 'channels are under it');
  });

  it('the ROS middleware that is asked for is not installed', async () => {
    names(await (await ward.admit()).examine({ RMW_IMPLEMENTATION: 'rmw_none_cpp' }), 'ros', /rmw_none_cpp/);
  });

  it('a message package is missing', async () => {
    const channel = 'channels: { door: { topic: /door, type: home_msgs/msg/Door } }\n';
    names(await (await config(channel)).examine(), 'message_types', /channel door: .*package home_msgs is not installed/);
  });

  it('this ROS domain is not the robot’s', async () => {
    names(await (await config('ros: { domain_id: 231 }\n')).examine(), 'graph', /nothing at all is published in ROS domain 231/);
  });

  it('nobody publishes on a channel’s topic', async () => {
    names(await (await config('channels: { gas: { topic: /gaz_detected } }\n')).examine(), 'channel.gas', /nobody publishes/);
  });

  it('the topic carries another type', async () => {
    names(
      await (await config('channels: { gas: { topic: /level } }\n')).examine(),
      'channel.gas',
      /\/house publishes std_msgs\/msg\/Int32; expected std_msgs\/msg\/Bool/,
    );
  });

  it('the publisher offers less than the channel asks for', async () => {
    const found = await (await config('channels: { gas: { topic: /best_effort, qos: default } }\n')).examine();
    names(found, 'channel.gas', /\/house offers best_effort, volatile; this channel asks for reliable/);
  });

  it('the messages have no such field', async () => {
    names(await (await config('channels: { gas: { field: state } }\n')).examine(), 'channel.gas', /no field state/);
  });

  it('the stamps are of long ago', async () => {
    names(
      await (await config('channels: { temperature: { topic: /recorded } }\n')).examine(),
      'channel.temperature',
      /stamps are \d+ s old/,
    );
  });

  it('a sensor that may not be silent is there and silent', async () => {
    names(
      await (await config('channels: { gas: { topic: /mute, max_silence: 30s } }\n')).examine(),
      'channel.gas',
      /is there, and nothing came/,
    );
  });

  it('the outbox file is damaged', async () => {
    const patient = await ward.admit();
    leaveOutbox(patient.stateDir, 0);
    damageOutbox(patient.stateDir);
    names(await patient.examine(), 'outbox_file', /is damaged/);
  });

  it('an alert has waited for hours', async () => {
    const patient = await ward.admit();
    leaveOutbox(patient.stateDir, 3 * 3_600_000);
    names(await patient.examine(), 'outbox_backlog', /an alert waits for 180 minutes/);
  });

  it('the state directory is a file', async () => {
    const patient = await ward.admit();
    writeFileSync(patient.stateDir, '');
    names(await patient.examine(), 'state_dir', /is no folder/);
  });

  it('the disk is full', { skip: asRoot }, async () => {
    const patient = await ward.admit();
    const volume = await Volume.tmpfs(patient.stateDir, 1024 ** 2);
    try {
      chmodSync(patient.stateDir, 0o700);
      writeFileSync(join(patient.stateDir, 'film'), Buffer.alloc(1024 ** 2));
      names(await patient.examine(), 'disk_space', /^0 MiB free/);
    } finally {
      await volume.unmount();
    }
  });

  it('the state directory can only be read', { skip: asRoot }, async () => {
    const patient = await ward.admit();
    const volume = await Volume.tmpfs(patient.stateDir, 64 * 1024 ** 2);
    try {
      await volume.makeReadOnly();
      names(await patient.examine(), 'state_dir', /can only be read/);
    } finally {
      await volume.unmount();
    }
  });

  it('something holds the state directory and does not answer', async () => {
    const patient = await ward.admit();
    mkdirSync(patient.stateDir, { recursive: true });
    const program = `const { lockStateDir } = await import('./src/outbox/index.ts'); const lock = lockStateDir(${JSON.stringify(patient.stateDir)}); console.log('held'); setInterval(() => lock, 1e6);`;
    const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    const found = await patient.examine();
    holder.kill('SIGKILL');
    names(found, 'agent', new RegExp(`process ${holder.pid} holds`));
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
      names(await (await config(`uploads: { api: 'http://127.0.0.1:${port}' }\n`)).examine(), 'cloud_api', /ECONNREFUSED/);
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
