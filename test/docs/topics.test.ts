// Runs the commands of docs/guide/topics.md beside a peer that publishes and subscribes to their topics.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { until } from '../support/until.ts';

const PAGE = readFileSync(join(ROOT, 'docs/guide/topics.md'), 'utf8');
const COMMANDS = [...PAGE.matchAll(/^bin\/elderly-bot (topics.*)$/gm)].map(([, line]) => String(line));
const ENDLESS = /^topics (echo|hz) \S+$/;

describe('the commands of docs/guide/topics.md', { skip: rosUnavailable(), timeout: 180_000 }, () => {
  let domain: RosDomain;
  let peer: RosPeer;

  before(async () => {
    domain = await claimDomain();
    peer = await RosPeer.start('house');
    for (const topic of ['/fall_detected', '/doorbell']) {
      await peer.publish(topic, 'std_msgs/msg/Bool', { data: false }, { durability: 'transient_local', depth: 1 });
    }
    const listener = { '/fall_detected': 'std_msgs/msg/Bool', '/doorbell': 'std_msgs/msg/Bool' };
    for (const [topic, type] of Object.entries(listener)) await peer.subscribe(topic, type);
    await peer.advertise('/battery_state', 'sensor_msgs/msg/BatteryState');
  });
  after(async () => {
    await peer.close();
    await domain.release();
  });

  it('are all found', () => assert.ok(COMMANDS.length >= 10, COMMANDS.join('\n')));

  for (const line of COMMANDS) {
    it(`bin/elderly-bot ${line}`, async () => {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? String(plain));
      const program = new Program(line, join(ROOT, 'bin/elderly-bot'), words);
      const battery = setInterval(() => void peer.publish('/battery_state', 'sensor_msgs/msg/BatteryState', { percentage: 0.5 }), 100);
      try {
        if (ENDLESS.test(line)) {
          await until(() => program.lines.length > 0, 'it has printed a line');
          program.signal('SIGINT');
        }
        assert.equal(await program.exited, 0, `${JSON.stringify(program.lines)}${program.stderr}`);
        assert.ok(program.lines.length > 0);
      } finally {
        clearInterval(battery);
      }
    });
  }
});
