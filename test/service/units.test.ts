// Tests the unit files with systemd's own verification, and their rendering by `service install` on a robot with other paths.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT, ROOT } from '../../scripts/lab/program.ts';
import { credentialLine, type Robot, unitFor } from '../../src/service/index.ts';

const UNITS = ['elderly-bot.service', 'elderly-bot-guard.service', 'elderly-bot-cloud.service'];
const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'no systemd-analyze: apt-get install systemd';
const text = (unit: string) => readFileSync(join(ROOT, 'systemd', unit), 'utf8');
const ROBOT: Robot = {
  user: 'turtle',
  root: '/opt/elderly-bot',
  config: '/etc/elderly-bot/robot.yaml',
  stateDir: '/var/lib/elderly-bot',
  reads: [],
  env: {},
};
const agent = (over: Partial<Robot> = {}) => unitFor(text('elderly-bot.service'), { ...ROBOT, ...over });

describe('the units in the verification of systemd', { skip }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-units-'));
    // systemd checks that the programs exist.
    const here = { ...ROBOT, user: 'root', root: ROOT.replace(/\/$/, '') };
    for (const unit of UNITS) writeFileSync(join(folder, unit), unitFor(text(unit), here));
    chmodSync(folder, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));

  const verify = () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...UNITS.map((unit) => join(folder, unit))], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:/lib/systemd/system` },
    });
    assert.deepEqual([status, `${stdout}${stderr}`], [0, '']);
  };

  it('pass', verify);

  it('pass with the drop-in for the clock in docs/guide/service.md', () => {
    const [, dropIn] =
      /```\n( *\[Unit\]\n *After=time-sync\.target\n) *```/.exec(readFileSync(join(ROOT, 'docs/guide/service.md'), 'utf8')) ?? [];
    assert.ok(dropIn, 'no drop-in in docs/guide/service.md');
    for (const unit of UNITS) {
      mkdirSync(join(folder, `${unit}.d`));
      writeFileSync(join(folder, `${unit}.d`, 'clock.conf'), dropIn.replace(/^ +/gm, ''));
    }
    verify();
  });

  for (const unit of UNITS) {
    it(`give ${unit} an exposure of at most 1.5`, () => {
      const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', join(ROOT, 'systemd', unit)], {
        encoding: 'utf8',
      });
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
      assert.ok(Number(exposure) <= 1.5, stdout);
    });
  }
});

describe('service install', () => {
  it('changes only the user if all paths are the paths of the package', () => {
    assert.equal(agent().replace('User=turtle', 'User=elderly-bot'), text('elderly-bot.service'));
  });

  it('uses another program folder, state directory and environment', () => {
    const unit = agent({
      root: '/srv/bot',
      stateDir: '/data/bot',
      env: { ROS_DOMAIN_ID: '7', ROS_DISCOVERY_SERVER: ';10.42.0.1:11811', SECRET: 'x', AWS_IOT_ENDPOINT: 'a"b%c' },
    });
    assert.match(unit, /^ExecStart=\/srv\/bot\/bin\/elderly-bot run/m);
    assert.match(unit, /^ReadWritePaths=\/data\/bot$/m);
    assert.match(unit, />"\/data\/bot\/last-exit"/);
    assert.match(unit, /^Environment="ROS_DOMAIN_ID=7"$/m);
    assert.match(unit, /^Environment="ROS_DISCOVERY_SERVER=;10\.42\.0\.1:11811"$/m);
    assert.match(unit, /^Environment="AWS_IOT_ENDPOINT=a\\"b%%c"$/m);
    assert.doesNotMatch(unit, /SECRET|PATH=|^StateDirectory=/m);
  });

  it('copies the variables of SROS 2, and allows the service to read a keystore in a home folder', () => {
    const unit = agent({ env: { ROS_SECURITY_ENABLE: 'true', ROS_SECURITY_KEYSTORE: '/home/turtle/keystore' } });
    assert.match(unit, /^Environment="ROS_SECURITY_ENABLE=true"\nEnvironment="ROS_SECURITY_KEYSTORE=\/home\/turtle\/keystore"$/m);
    assert.match(unit, /^ProtectHome=read-only$/m);
  });

  it('copies the variables of a sourced workspace, and allows the service to read its home folder', () => {
    const found = { AMENT_PREFIX_PATH: '/opt/ros/jazzy', LD_LIBRARY_PATH: '/opt/ros/jazzy/lib' };
    assert.doesNotMatch(agent({ env: found }), /AMENT_PREFIX_PATH|ProtectHome=read-only/);
    const unit = agent({ env: { ...found, AMENT_PREFIX_PATH: '/home/turtle/ws/install/msgs:/opt/ros/jazzy' } });
    assert.match(unit, /^Environment="AMENT_PREFIX_PATH=\/home\/turtle\/ws\/install\/msgs:\/opt\/ros\/jazzy"$/m);
    assert.match(unit, /^Environment="LD_LIBRARY_PATH=/m);
    assert.match(unit, /^ProtectHome=read-only$/m);
  });

  it('gets the key as a credential: encrypted if the file is there and systemd can decrypt it, else plain', () => {
    const key = '/run/credentials/elderly-bot.service/device-key';
    const line = (systemd: number, ...files: string[]) => credentialLine(key, systemd, (file) => files.includes(file));
    const [encrypted, plain] = ['/etc/elderly-bot/device-key.cred', '/etc/elderly-bot/device-key'];
    assert.equal(line(252, encrypted, plain), `LoadCredentialEncrypted=device-key:${encrypted}`);
    assert.equal(line(249, encrypted, plain), `LoadCredential=device-key:${plain}`);
    assert.equal(line(252, plain), `LoadCredential=device-key:${plain}`);
    assert.match(JSON.stringify(line(252)), /there is no .*device-key\.cred.*systemd-creds encrypt --name=device-key KEYFILE/);
    assert.match(JSON.stringify(line(249, encrypted)), /systemd 249 has no encrypted credentials.*install -m 0600 KEYFILE/);
    assert.match(
      agent({ credential: `LoadCredential=device-key:${plain}` }),
      /^LoadCredential=device-key:\/etc\/elderly-bot\/device-key$/m,
    );
  });

  it('writes below --root and starts nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-units-'));
    try {
      const config = join(folder, 'robot.yaml');
      writeFileSync(config, 'state_dir: /var/lib/kitchen\n');
      const run = (...args: string[]) => spawnSync(AGENT, ['service', ...args, '--root', join(folder, 'root')], { encoding: 'utf8' });
      const { status, stderr } = run('install', '--config', config, '--user', 'turtle');
      assert.equal(status, 0, stderr);
      const file = join(folder, 'root/etc/systemd/system/elderly-bot.service');
      assert.match(readFileSync(file, 'utf8'), /^User=turtle$[\s\S]*^StateDirectory=kitchen$/m);
      assert.equal(run('uninstall').status, 0);
      assert.ok(!existsSync(file));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('refuses a path that a unit cannot contain, and recommends another', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-units-'));
    try {
      mkdirSync(join(folder, 'my robot'));
      const config = join(folder, 'my robot', 'robot.yaml');
      writeFileSync(config, 'thing: x\n');
      const { status, stderr } = spawnSync(AGENT, ['service', 'install', '--config', config, '--root', folder], { encoding: 'utf8' });
      assert.equal(status, 2);
      assert.match(stderr, /my robot.*move it.*SERVICE_FAILED/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
