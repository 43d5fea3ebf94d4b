// Compares docs/guide/ros-security.md with the judgement of the program, and runs its command.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';
import { loadConfig } from '../../src/config/index.ts';
import { localSetting, reachOf } from '../../src/ros/index.ts';

const PAGE = readFileSync(join(ROOT, 'docs/guide/ros-security.md'), 'utf8');
const BLOCKS = [...PAGE.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language, text]) => ({ language, text: String(text) }));
const LINES = BLOCKS.filter(({ language }) => language === '').flatMap(({ text }) => text.trim().split('\n'));
const VARIABLES = LINES.filter((line) => /^ROS_\w+=/.test(line));
const RUN = LINES.filter((line) => line.startsWith('bin/elderly-bot'));
/** They need root on a robot, or the package sros2. */
const NOT_RUN = [
  "echo 'ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST' | sudo tee -a /etc/default/elderly-bot",
  'sudo systemctl restart elderly-bot elderly-bot-guard',
  'sudo nft add table inet ros',
  "sudo nft add chain inet ros input '{ type filter hook input priority 0; }'",
  'sudo nft add rule inet ros input iif != lo udp dport 7400-7649 drop',
  'ros2 security create_keystore /etc/elderly-bot/keystore',
  'ros2 security create_enclave /etc/elderly-bot/keystore /elderly_bot',
  'sudo chown -R elderly-bot /etc/elderly-bot/keystore/enclaves/elderly_bot',
];

describe('docs/guide/ros-security.md', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-security-'));
    writeFileSync(join(folder, 'robot.yaml'), 'state_dir: state\nmqtt: { endpoint: "127.0.0.1:9" }\n');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has no other commands than the one that is run here, and those that cannot run here', () => {
    const others = LINES.filter((line) => !RUN.includes(line) && !VARIABLES.includes(line));
    assert.deepEqual(others, NOT_RUN);
    assert.equal(RUN.length, 1);
  });

  it('names the variable of each distribution by which the program judges that other computers are kept out', () => {
    for (const distro of ['humble', 'jazzy', 'kilted']) {
      const setting = localSetting({ ROS_DISTRO: distro });
      assert.ok(PAGE.includes(`| \`${setting}\` |`), setting);
      const [name = '', value = ''] = setting.split('=');
      assert.equal(reachOf({ ROS_DISTRO: distro, [name]: value }).from, 'machine');
    }
  });

  it('has the variables of SROS 2 by which only holders of keys can join', () => {
    const env = Object.fromEntries(VARIABLES.map((line) => line.split('=', 2) as [string, string]));
    assert.equal(reachOf(env).from, 'key_holders');
  });

  it('has a configuration that is valid and says that the open graph is intended', () => {
    const file = join(folder, 'open.yaml');
    writeFileSync(file, String(BLOCKS.find(({ language }) => language === 'yaml')?.text));
    assert.equal(loadConfig(file, {}).config.ros.open_to_network, true);
  });

  it('has a command that shows the finding', () => {
    // Without ROS 2, so that no node of the test joins the network.
    const env = { ...process.env, AMENT_PREFIX_PATH: '', ELDERLY_BOT_ROS_PREFIX: '/none', ROS_AUTOMATIC_DISCOVERY_RANGE: 'SUBNET' };
    const [program = '', ...args] = String(RUN[0]).split(' ');
    const { stdout } = spawnSync(join(ROOT, program), [...args, '--json'], { cwd: folder, env, encoding: 'utf8' });
    const { checks } = JSON.parse(stdout) as { readonly checks: readonly { readonly code: string; readonly observed: string }[] };
    assert.match(checks.find(({ code }) => code === 'ros_network')?.observed ?? '', /every computer of the network can join/);
  });
});
