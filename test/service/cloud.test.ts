// The cloud's unit in a real systemd: a user and keys of its own, settings that only root can read, and it answers.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { benchCertificates } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { ROOT } from '../support/program.ts';
import { LAB_ROOT, SystemdLab, systemdMissing } from '../support/systemd.ts';

const skip = systemdMissing() || (findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto');
const UNIT = 'elderly-bot-cloud.service';
const FOLDER = '/etc/elderly-bot-cloud';

describe('the cloud as a service', { skip, timeout: 480_000 }, () => {
  let lab: SystemdLab;
  let broker: Mosquitto;
  let folder: string;
  let port: number;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-unit-'));
    const files = await benchCertificates(folder, 'elderly-bot');
    broker = await Mosquitto.start({ certificates: files });
    port = await freePort();
    lab = await SystemdLab.start();
    lab.must('systemd-sysusers', `${LAB_ROOT}/systemd/elderly-bot-cloud.sysusers.conf`);
    mkdirSync(lab.path(FOLDER));
    for (const [from, name] of [
      [files.ca, 'ca.pem'],
      [files.cloud.cert, 'cloud.crt.pem'],
      [files.cloud.key, 'cloud.key.pem'],
    ] as const) {
      cpSync(from, lab.path(`${FOLDER}/${name}`));
      chmodSync(lab.path(`${FOLDER}/${name}`), 0o600);
      lab.must('chown', 'elderly-bot-cloud:', `${FOLDER}/${name}`);
    }
    const settings = [
      `AWS_IOT_ENDPOINT=localhost:${broker.port}`,
      `AWS_ROOT_CA=${FOLDER}/ca.pem`,
      `AWS_CERT_FILE=${FOLDER}/cloud.crt.pem`,
      `AWS_PRIVATE_KEY=${FOLDER}/cloud.key.pem`,
      `PORT=${port}`,
      `SECRET_KEY=${'s'.repeat(40)}`,
    ];
    writeFileSync(lab.path(`${FOLDER}/env`), `${settings.join('\n')}\n`, { mode: 0o600 });
    cpSync(join(ROOT, 'systemd', UNIT), lab.path(`/etc/systemd/system/${UNIT}`));
    lab.must('systemctl', 'daemon-reload');
  });

  after(async () => {
    await lab?.stop();
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts, subscribes and answers, and keeps its database where only it can look', async () => {
    lab.must('systemctl', 'start', UNIT);
    const healthy = () => fetch(`http://127.0.0.1:${port}/healthz`).then(({ status }) => status === 200);
    await lab.until(() => healthy().catch(() => false), 60_000).catch((error: unknown) => assert.fail(`${error} ${lab.journal(UNIT)}`));
    assert.match(lab.must('stat', '-L', '-c', '%a', '/var/lib/elderly-bot-cloud'), /^700$/m);
  });

  it('stops as asked within its time', () => {
    const startedMs = performance.now();
    lab.must('systemctl', 'stop', UNIT);
    assert.ok(performance.now() - startedMs < 12_000);
    assert.equal(lab.properties(UNIT, 'Result').Result, 'success');
  });
});
