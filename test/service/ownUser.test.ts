// Tests the service under its own user in a real systemd: it hears and drives the ROS nodes of other users, who cannot read the device key.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { ROOT } from '../../scripts/lab/program.ts';
import { Caller } from '../support/caller.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { ServiceBench, STATE, UNIT } from '../support/service.ts';
import { LAB_AGENT, ROBOT_USER, systemdMissing } from '../support/systemd.ts';

const skip = systemdMissing() || rosUnavailable() || mosquittoUnavailable();
const UNITS = [UNIT, 'elderly-bot-guard.service'];
const BOOL = 'std_msgs/msg/Bool';
const INT = 'std_msgs/msg/Int32';
const KEY = '/etc/elderly-bot/certs/robot.key.pem';
const CONFIG = '/etc/elderly-bot/robot.yaml';
const LAMP = `
commands:
  lamp: { topic: /lamp, type: ${BOOL}, message: { data: $on }, args: { on: { type: boolean } } }
`;
/** Other users than the service's: one without rights, and root. */
const OTHERS = { 'another user': ROBOT_USER.id, root: 0 } as const;

describe('the service under its own user', { skip, timeout: 600_000 }, () => {
  let domain: RosDomain;
  let bench: ServiceBench;

  before(async () => {
    domain = await claimDomain();
    bench = await ServiceBench.start(domain);
    bench.configure(`${bench.configuration}${LAMP}`);
    bench.install();
  });

  after(async () => {
    await bench?.stop();
    await domain?.release();
  });

  const idOf = (user: string) => Number(bench.lab.must('id', '-u', user));
  const ownerOf = (path: string) => Number(bench.lab.must('stat', '--format=%u', path));
  const steps = async () => (await bench.status(() => true)).channels.find(({ name }) => name === 'steps')?.messages ?? 0;

  for (const [who, user] of Object.entries(OTHERS)) {
    it(`hears every message of a node of ${who}, and sends a command to it`, async () => {
      const before = await steps();
      const peer = await RosPeer.start('other', domain.env, user);
      const caller = await Caller.connect(bench.broker.port, bench.files);
      try {
        await bench.status(({ link }) => link.state === 'connected');
        await peer.subscribe('/lamp', BOOL);
        await peer.advertise('/steps', INT);
        await peer.matched('/steps');
        await peer.matched('/lamp');
        await peer.burst('/steps', INT, 20, 20);
        await bench.lab.until(async () => (await steps()) === before + 20, 30_000);
        const lit = peer.next('/lamp', ({ data }) => data === true);
        await caller.send('lamp', { args: { on: true } });
        await lit;
      } finally {
        await caller.close();
        await peer.close();
      }
    });
  }

  it('keeps the key and the state from another user', () => {
    for (const file of [KEY, STATE, `${STATE}/outbox.db`]) {
      const { code } = bench.lab.run('runuser', '-u', ROBOT_USER.name, '--', 'cat', file);
      assert.notEqual(code, 0, file);
    }
    assert.equal(bench.lab.must('stat', '--format=%a %U', KEY), '600 elderly-bot\n');
  });

  it('names the command for another user, and hears root’s nodes with the doctor of docs/guide/service.md', async () => {
    const as = (...words: string[]) =>
      bench.lab.runWith(domain.env, 'runuser', '-u', ROBOT_USER.name, '--', LAB_AGENT, ...words, '--config', CONFIG);
    assert.match(as('status').text, /belongs to another user, as with the installed service: use sudo/);
    const { checks } = JSON.parse(as('doctor', '--json').text) as {
      readonly checks: readonly { readonly code: string; readonly command: string }[];
    };
    const command = checks.find(({ code }) => code === 'state_dir')?.command ?? '';
    const [, documented = ''] = /^sudo (systemd-run .*)$/m.exec(readFileSync(join(ROOT, 'docs/guide/service.md'), 'utf8')) ?? [];
    assert.equal(command.replace(/User=\d+/, 'User=elderly-bot'), `sudo ${documented}`);

    const peer = await RosPeer.start('other', domain.env, 0);
    try {
      await peer.advertise('/steps', INT);
      const burst = peer.burst('/steps', INT, 400, 20);
      bench.setEnvironment(`ROS_DOMAIN_ID=${domain.id}\nROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST\n`);
      bench.lab.must('systemctl', 'start', 'dbus');
      const line = documented.replace('--pty', '--pipe').replace('"$(command -v elderly-bot)"', LAB_AGENT);
      const { text } = bench.lab.run('sh', '-c', `cd / && ${line} --all`);
      assert.match(text, /✓ State directory[\s\S]*✓ Channel steps .*\/steps by \/other, \d+ Hz/);
      await burst;
    } finally {
      await peer.close();
    }
  });

  it('has an exposure of at most 1.5 as installed', () => {
    for (const unit of UNITS) {
      const text = bench.lab.must('systemd-analyze', 'security', '--no-pager', unit);
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(text) ?? [];
      assert.ok(Number(exposure) <= 1.5, text);
    }
  });

  it('is installed again without a change', () => {
    const text = bench.install();
    assert.doesNotMatch(text, /created|gave/);
    assert.match(text, /elderly-bot runs as elderly-bot/);
  });

  it('says that the programs of a user named by --user can read the key', () => {
    const text = bench.install({ user: ROBOT_USER.name });
    assert.match(text, /every program of robot can read this robot’s key/);
    for (const file of [KEY, `${STATE}/outbox.db`]) assert.equal(ownerOf(file), ROBOT_USER.id, file);
  });

  it('takes over an installation of another user with its data, and nothing that is not that user’s', async () => {
    const before = await bench.status(({ link }) => link.state === 'connected');
    const inLab = (command: string) => bench.lab.must('sh', '-c', `cd ${STATE} && ${command}`);
    inLab('echo secret >/etc/secret && chmod 600 /etc/secret && ln -s /etc/secret link && runuser -u robot -- ln -s /etc folder-link');
    inLab('echo root >of-root && runuser -u robot -- touch once && runuser -u robot -- ln once twice');

    const text = bench.install();
    assert.match(text, /\/var\/lib\/elderly-bot: gave \d+ files and folders of robot to elderly-bot/);
    assert.match(text, /\/etc\/elderly-bot: gave \d+ files and folders of robot to elderly-bot/);
    const kept = { link: 'a symbolic link', 'folder-link': 'a symbolic link', 'of-root': 'belongs to user 0', once: 'has another name' };
    for (const [name, reason] of Object.entries(kept)) assert.ok(text.includes(`left as it is: ${STATE}/${name}: ${reason}`), text);
    assert.match(text, /programs of robot may have read this robot’s key: renew it/);

    for (const file of ['/etc/secret', '/etc', `${STATE}/of-root`]) assert.equal(ownerOf(file), 0, file);
    for (const file of [KEY, STATE, `${STATE}/outbox.db`, `${STATE}/lifetime.json`]) assert.equal(ownerOf(file), idOf('elderly-bot'), file);
    const { boot } = await bench.status(({ link }) => link.state === 'connected');
    assert.equal(boot, before.boot + 1, 'the lifetime goes on');
  });

  it('connects with a key that is encrypted on disk, by the commands of docs/guide/certificates.md', async () => {
    const credential = '/run/credentials/elderly-bot.service/device-key';
    bench.configure(bench.configuration.replace(KEY, credential));
    const { code, text } = bench.lab.run(LAB_AGENT, 'service', 'install', '--config', CONFIG);
    assert.equal(code, 2);
    const page = readFileSync(join(ROOT, 'docs/guide/certificates.md'), 'utf8');
    assert.ok(page.includes(`private_key: ${credential}\n`));
    const [, command = ''] = /^sudo (systemd-creds encrypt .*)$/m.exec(page) ?? [];
    assert.ok(text.includes(command.replace('robot.key.pem', 'KEYFILE')), text);
    bench.lab.must('sh', '-c', `${command.replace('robot.key.pem', KEY)} && rm ${KEY}`);
    bench.install();
    await bench.status(
      ({ link, problems }) => link.state === 'connected' && problems.every(({ code: raised }) => raised !== 'certificate_unusable'),
    );
    assert.notEqual(bench.lab.run('runuser', '-u', ROBOT_USER.name, '--', 'cat', credential).code, 0);
    assert.match(bench.lab.must('stat', '--format=%a', credential), /^4[04]0$/m);
    const shown = bench.lab.run(LAB_AGENT, 'certs', 'show', '--config', CONFIG);
    assert.equal(shown.code, 0, shown.text);
  });

  it('is uninstalled and keeps its user, who owns the state', () => {
    const { text } = bench.lab.run(LAB_AGENT, 'service', 'uninstall');
    assert.match(text, /kept: .*its owner, the service’s user/);
    assert.equal(ownerOf(STATE), idOf('elderly-bot'));
  });
});
