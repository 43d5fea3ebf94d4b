// The files of the cloud's service, and the refusals of the command. test/service/cloud.test.ts tests the service under a real systemd.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { isPlainPath } from '../../src/base/index.ts';
import { SettingsError } from '../src/errors/index.ts';
import { type Server, settingsFileFrom, settingsOf, unitFor } from '../src/service/files.ts';
import { cloudCommand } from './support/commandLine.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEMPLATE = readFileSync(join(ROOT, 'systemd/elderly-bot-cloud.service'), 'utf8');
const EXAMPLE = readFileSync(join(ROOT, 'cloud/.env.example'), 'utf8');
const SERVER: Server = { user: 'elderly-bot-cloud', root: '/opt/elderly-bot', reads: [] };
const unit = (over: Partial<Server>) => unitFor(TEMPLATE, { ...SERVER, ...over });

describe('the unit', () => {
  test('is unchanged for the default user and folder', () => {
    assert.equal(unit({}), TEMPLATE);
  });

  test('gets another folder and user, and may read home directories if a file is there', () => {
    const other = unit({ user: 'web', root: '/srv/bot' });
    assert.match(other, /^ExecStart=\/srv\/bot\/bin\/elderly-bot-cloud serve$/m);
    assert.match(other, /^User=web$/m);
    assert.match(other, /^ProtectHome=yes$/m);
    assert.match(unit({ reads: ['/home/web/cloud.key.pem'] }), /^ProtectHome=read-only$/m);
  });

  test('accepts only paths without special characters', () => {
    assert.deepEqual(['/srv/bot-1.0', '/srv/a b', '/srv/%h', '/srv/"x"', 'srv'].map(isPlainPath), [true, false, false, false, false]);
  });
});

describe('the settings file', () => {
  const text = settingsFileFrom(EXAMPLE, { root: '/opt/elderly-bot', folder: '/etc/elderly-bot-cloud', secret: 's'.repeat(64) });

  test('is the example with absolute paths and a secret', () => {
    const [made, example] = [parseEnv(text), parseEnv(EXAMPLE)];
    assert.deepEqual(Object.keys(made), Object.keys(example));
    assert.equal(made.AWS_ROOT_CA, '/opt/elderly-bot/certs/AmazonRootCA1.pem');
    assert.equal(made.AWS_PRIVATE_KEY, '/etc/elderly-bot-cloud/cloud.key.pem');
    assert.equal(made.SECRET_KEY, 's'.repeat(64));
  });

  test('refuses a random port', () => {
    const settings = `${text}\nPORT=0\nAWS_IOT_ENDPOINT=mqtt://localhost`;
    assert.throws(() => settingsOf(settings), new SettingsError(['PORT=0: expected a fixed port, because nginx needs it']));
  });

  test('reports a missing value, and refuses a relative path', () => {
    assert.throws(
      () => settingsOf(text),
      ({ lines }: SettingsError) => /^AWS_IOT_ENDPOINT is not set/.test(lines[0] ?? ''),
    );
    assert.throws(
      () => settingsOf(text.replace('=/etc/elderly-bot-cloud/cloud.key.pem', '=certs/cloud.key.pem')),
      new SettingsError([
        'AWS_PRIVATE_KEY=certs/cloud.key.pem: expected an absolute path, because a service has its own working directory',
      ]),
    );
  });
});

describe('service on the command line', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-service-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const service = (...args: string[]) => cloudCommand(['service', ...args], {}, folder);

  test('install --root writes the unit and new settings; a second install and uninstall keep the settings', async () => {
    const below = ['--root', join(folder, 'root')];
    const [env, file] = ['root/etc/elderly-bot-cloud/env', 'root/etc/systemd/system/elderly-bot-cloud.service'].map((path) =>
      join(folder, path),
    );
    assert.ok(env && file);
    const { code, stdout, stderr } = await service('install', ...below);
    assert.deepEqual([code, stderr], [0, '']);
    const secret = parseEnv(readFileSync(env, 'utf8')).SECRET_KEY ?? '';
    assert.ok(secret.length >= 64);
    assert.equal(statSync(env).mode & 0o777, 0o600);
    const written = readFileSync(file, 'utf8');
    assert.ok(written.includes(`ExecStart=${dirname(join(ROOT, 'x'))}/bin/elderly-bot-cloud serve`));
    assert.ok(!written.includes(secret) && !stdout.includes(secret));
    writeFileSync(env, 'SECRET_KEY=mine\n');
    assert.equal((await service('install', ...below)).code, 0);
    assert.equal(readFileSync(env, 'utf8'), 'SECRET_KEY=mine\n');
    assert.equal((await service('uninstall', ...below)).code, 0);
    assert.deepEqual([existsSync(file), existsSync(env)], [false, true]);
    assert.match((await service('uninstall', ...below)).stdout, /nothing to uninstall/);
  });

  test('prints one line and exits with code 2 if the action is impossible', {
    skip: existsSync('/run/systemd/system') && 'systemd runs here',
  }, async () => {
    for (const args of [['install'], ['status'], ['logs'], ['logs', '--lines', '-1'], ['instal']]) {
      const { code, stdout, stderr } = await service(...args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^.*(systemd does not run|only root|--lines: expected|Invalid values).*\n$/);
    }
  });
});
