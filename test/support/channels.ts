// Starts the channels of a configuration on a test's ROS node and outbox. The inherited channels are left out unless they are given.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChannelParts, type Channels, startChannels } from '../../src/agent/sensing/channels.ts';
import { systemClock } from '../../src/clock/index.ts';
import { type LoadedConfig, loadConfig } from '../../src/config/index.ts';
import type { OutboxBench } from './outbox.ts';

const INHERITED = ['gas', 'fire', 'fall', 'stranger', 'battery', 'temperature'];

/** @param entries the channels as YAML, two spaces deep. @param head lines above them, such as `ros: { namespace: /robot }`. */
export function loadedChannels({ folder }: Pick<OutboxBench, 'folder'>, entries: string, head = '', leaveOut = false): LoadedConfig {
  const file = join(folder, 'robot.yaml');
  const none = INHERITED.filter((name) => !entries.includes(`  ${name}:`)).map((name) => `  ${name}: null\n`);
  writeFileSync(file, `${head}channels:\n${none.join('')}${entries}`);
  return loadConfig(file, {}, { leaveOut });
}

type Given = Pick<ChannelParts, 'loaded' | 'ros' | 'problems'> & Partial<Pick<ChannelParts, 'lifetime'>>;

export function startChannelsOn({ outbox }: Pick<OutboxBench, 'outbox'>, given: Given): Channels {
  const lifetime = { percentTopics: new Set<string>(), unheardChannels: new Set<string>() };
  return startChannels({ lifetime, ...given, outbox, clock: systemClock(0), onRow: () => {} });
}

export function statusOf(channels: Channels, name: string): ReturnType<Channels['status']>[number] {
  const found = channels.status().find((status) => status.name === name);
  assert.ok(found);
  return found;
}
