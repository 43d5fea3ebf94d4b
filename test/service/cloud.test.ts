// Tests `elderly-bot-cloud service` in a real systemd: its own user and keys, settings that only root can read, and an answer at /healthz.
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { Mosquitto, mosquittoUnavailable } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { LAB_ROOT, SystemdLab, systemdMissing } from '../support/systemd.ts';

const skip = systemdMissing() || mosquittoUnavailable();
const UNIT = 'elderly-bot-cloud.service';
const FOLDER = '/etc/elderly-bot-cloud';

describe('the cloud as a service', { skip, timeout: 480_000 }, () => {
  let lab: SystemdLab;
  let broker: Mosquitto;
  let files: BenchFiles;
  let folder: string;
  let port: number;

  const service = (...args: string[]) => lab.run(`${LAB_ROOT}/bin/elderly-bot-cloud`, 'service', ...args);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-unit-'));
    files = await benchCertificates(folder, 'elderly-bot');
    broker = await Mosquitto.start({ certificates: files });
    port = await freePort();
    lab = await SystemdLab.start();
  });

  after(async () => {
    await lab?.stop();
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('does not start before its settings are valid: the first install creates them and lists missing values', () => {
    const { code, text } = service('install');
    assert.deepEqual([code, /env: AWS_IOT_ENDPOINT is not set[\s\S]*nothing was started/.test(text)], [2, true], text);
    assert.equal(lab.must('stat', '-c', '%a %U', `${FOLDER}/env`), '600 root\n');
    assert.equal(lab.must('id', '-un', 'elderly-bot-cloud'), 'elderly-bot-cloud\n');
    assert.notEqual(service('status').code, 0);
  });

  it('starts, subscribes and answers, and keeps its database in a folder that only its user can read', async () => {
    for (const [from, name] of [
      [files.ca, 'ca.pem'],
      [files.cloud.cert, 'cloud.crt.pem'],
      [files.cloud.key, 'cloud.key.pem'],
    ] as const) {
      cpSync(from, lab.path(`${FOLDER}/${name}`));
      chmodSync(lab.path(`${FOLDER}/${name}`), 0o600);
      lab.must('chown', 'elderly-bot-cloud:', `${FOLDER}/${name}`);
    }
    const settings = [`AWS_IOT_ENDPOINT=localhost:${broker.port}`, `AWS_ROOT_CA=${FOLDER}/ca.pem`, `PORT=${port}`];
    const env = lab.path(`${FOLDER}/env`);
    writeFileSync(env, `${readFileSync(env, 'utf8')}\n${settings.join('\n')}\n`);
    const { code, text } = service('install');
    assert.deepEqual([code, /runs as elderly-bot-cloud, and answers at http/.test(text)], [0, true], `${text}${lab.journal(UNIT)}`);
    const healthy = () => fetch(`http://127.0.0.1:${port}/healthz`).then(({ status }) => status === 200);
    await lab.until(() => healthy().catch(() => false), 60_000).catch((error: unknown) => assert.fail(`${error} ${lab.journal(UNIT)}`));
    assert.match(lab.must('stat', '-L', '-c', '%a', '/var/lib/elderly-bot-cloud'), /^700$/m);
    assert.equal(service('status').code, 0);
    assert.match(service('logs').text, /cloud_ready/);
  });

  it('restarts after kill -9', async () => {
    const pid = lab.mainPid(UNIT);
    process.kill(pid, 'SIGKILL');
    const isBack = async () => lab.mainPid(UNIT) !== pid && (await fetch(`http://127.0.0.1:${port}/healthz`)).status === 200;
    await lab.until(() => isBack().catch(() => false), 60_000);
  });

  it('keeps its secret out of the unit and the log', () => {
    const [, secret = ''] = /^SECRET_KEY=(.{40,})$/m.exec(readFileSync(lab.path(`${FOLDER}/env`), 'utf8')) ?? [];
    assert.notEqual(secret, '');
    for (const text of [lab.must('systemctl', 'cat', UNIT), lab.must('systemctl', 'show', UNIT), lab.journal(UNIT)]) {
      assert.ok(!text.includes(secret));
    }
  });

  it('recommends the command for the log if it does not start', () => {
    const env = lab.path(`${FOLDER}/env`);
    const good = readFileSync(env, 'utf8');
    writeFileSync(env, `${good}CLOUD_DATA_DIR=/usr/nowhere\n`);
    const { code, text } = service('install');
    assert.deepEqual([code, /nothing answers at http.*service logs.* shows the reason/.test(text)], [1, true], text);
    writeFileSync(env, good);
    while (lab.properties(UNIT, 'SubState').SubState !== 'auto-restart');
    const again = service('install');
    assert.equal(again.code, 0, again.text);
  });

  it('stops on request within its time limit', () => {
    const startedMs = performance.now();
    lab.must('systemctl', 'stop', UNIT);
    assert.ok(performance.now() - startedMs < 12_000);
    assert.equal(lab.properties(UNIT, 'Result').Result, 'success');
  });

  it('keeps only settings and database after uninstall', () => {
    assert.equal(service('uninstall').code, 0);
    assert.equal(lab.run('systemctl', 'cat', UNIT).code, 1);
    assert.notEqual(service('status').code, 0);
    lab.must('test', '-f', `${FOLDER}/env`);
    lab.must('test', '-d', '/var/lib/elderly-bot-cloud/cloud-data');
  });
});
