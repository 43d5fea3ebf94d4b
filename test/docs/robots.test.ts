// Runs the commands of docs/guide/robots.md beside a robot, and checks its configurations. A node that keeps its last message stands in for
// the bridge to ROS 1.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { loadConfig } from '../../src/config/index.ts';
import { DiscoveryServer, discoveryServerMissing } from '../support/discoveryServer.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';

const PAGE = readFileSync(join(ROOT, 'docs/guide/robots.md'), 'utf8');
const BLOCKS = [...PAGE.matchAll(/```(\w*)\n([\s\S]*?)```/g)].map(([, language, text]) => ({ language, text: String(text) }));
const LINES = BLOCKS.filter(({ language, text }) => language === '' && !text.includes('──>')).flatMap(({ text }) =>
  text.trim().split('\n'),
);
const RUN = LINES.filter((line) => line.includes('bin/elderly-bot'));
/** They need root and systemd, or ROS 1. */
const NOT_RUN = [
  "echo 'ROS_DOMAIN_ID=42' | sudo tee -a /etc/default/elderly-bot",
  'sudo systemctl restart elderly-bot elderly-bot-guard',
  'export ROS_MASTER_URI=http://10.42.0.1:11311 ROS_IP=10.42.0.2',
  'rosparam load bridge.yaml',
  'ros2 run ros1_bridge parameter_bridge',
];

describe('docs/guide/robots.md', () => {
  it('has no other commands than those that are run here, and those that cannot run here', () => {
    assert.deepEqual(
      LINES.filter((line) => !RUN.includes(line)),
      NOT_RUN,
    );
    assert.ok(RUN.length >= 5);
  });

  it('names the file that both units read', () => {
    for (const unit of ['elderly-bot', 'elderly-bot-guard'])
      assert.match(readFileSync(join(ROOT, `systemd/${unit}.service`), 'utf8'), /^EnvironmentFile=-\/etc\/default\/elderly-bot$/m);
  });

  it('shows configurations that are valid', () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-robots-'));
    try {
      const [agent, bridge] = BLOCKS.filter(({ language }) => language === 'yaml');
      writeFileSync(join(folder, 'robot.yaml'), String(agent?.text));
      const { channels } = loadConfig(join(folder, 'robot.yaml'), {}).config;
      assert.deepEqual([channels.fall?.topic, channels.battery?.topic], ['/robot1/fall_detected', '/robot1/power/battery_state']);
      const { topics } = parse(String(bridge?.text)) as { topics: { topic: string; qos: { durability: string } }[] };
      assert.deepEqual([topics[0]?.topic, topics[0]?.qos.durability], ['/fall_detected', 'transient_local']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the commands of docs/guide/robots.md', { skip: rosUnavailable() || discoveryServerMissing(), timeout: 180_000 }, () => {
  let folder: string;
  let domain: RosDomain;
  let server: DiscoveryServer;
  const peers: RosPeer[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-robots-'));
    writeFileSync(join(folder, 'robot.yaml'), 'state_dir: state\nmqtt: { endpoint: "127.0.0.1:9" }\n');
    domain = await claimDomain();
    server = await DiscoveryServer.start();
    for (const env of [{}, { ROS_DISCOVERY_SERVER: server.address }]) {
      const peer = await RosPeer.start('ros_bridge', env);
      peers.push(peer);
      await peer.publish('/fall_detected', 'std_msgs/msg/Bool', { data: false }, { durability: 'transient_local', depth: 1 });
    }
  });

  after(async () => {
    for (const peer of peers) await peer.close();
    await server.stop();
    await domain.release();
    rmSync(folder, { recursive: true });
  });

  for (const line of RUN) {
    it(line, async () => {
      const here = line.replace('ROS_DOMAIN_ID=42', `ROS_DOMAIN_ID=${domain.id}`).replace('10.42.0.1:11811', server.address);
      const program = new Program(
        line,
        'sh',
        ['-c', `exec env ${here.replace('bin/elderly-bot', join(ROOT, 'bin/elderly-bot'))}`],
        process.env,
        folder,
      );
      const code = await program.exited;
      const text = program.lines.map((each) => String(each.text)).join('\n');
      if (line.includes('doctor')) {
        assert.equal(code, 1, program.stderr);
        // The fall's publisher was found; those of the other channels are missing.
        assert.match(text, /\[channel\.gas\]/);
        assert.doesNotMatch(text, /\[(graph|discovery_server|channel\.fall)\]/);
      } else {
        assert.equal(code, 0, program.stderr);
        assert.match(text, /^\/fall_detected .* by \/ros_bridge \(reliable, transient_local\)/m);
      }
    });
  }
});
