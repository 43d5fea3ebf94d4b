// `elderly-bot config init FILE`: asks the running graph what is published, and writes a configuration with a comment for each thing.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { configFlag } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { fullName, type RosNode, startRosNode } from '../ros/index.ts';
import { type FoundTopic, proposal } from './configProposal.ts';
import { progress } from './terminal.ts';

export interface InitOptions {
  readonly file: string;
  readonly thing: string;
  readonly endpoint: string;
  readonly json: boolean;
}

const SCHEMA = fileURLToPath(new URL('../../config/config.schema.json', import.meta.url));
/** Nodes that come up one after the other are waited for while new topics appear. */
const LOOK_EVERY_MS = 500;
const QUIET_MS = 2_000;
/** DDS finds the first within this time on a machine that is busy. */
const NOTHING_MS = 8_000;
const AT_MOST_MS = 15_000;

/** @returns 0 where something is published, 1 where nothing is: the file then has the default channels only. */
export async function init({ file, thing, endpoint, json }: InitOptions): Promise<number> {
  if (existsSync(file)) {
    throw new AgentError('FILE_EXISTS', `${resolve(file)} is there already`, { remedy: 'give another name; nothing is written over' });
  }
  const defaults = loadConfig(undefined, {}).config;
  const line = progress();
  line.say('looking at what is published');
  const ros = await startRosNode({ name: 'elderly_bot_init' });
  let found: FoundTopic[];
  try {
    found = await published(ros);
  } finally {
    line.end();
    await ros.stop();
  }
  const schema = relative(dirname(resolve(file)), SCHEMA);
  const { text, channels, left } = proposal({ found, defaults, thing, endpoint, schema });
  writeFileSync(file, text, { flag: 'wx' });
  // What this program wrote, it has to take.
  loadConfig(file, {});
  if (json) process.stdout.write(`${JSON.stringify({ file: resolve(file), topics: found, channels, skipped: left })}\n`);
  else {
    const others = left.length > 0 ? `; for you to decide, as comments: ${left.join(', ')}` : '';
    process.stdout.write(
      `wrote ${file}: channels ${channels.join(', ')}${others}\nnext: elderly-bot certs import FOLDER${configFlag(file)}, then elderly-bot doctor${configFlag(file)}\n`,
    );
  }
  return found.length > 0 ? 0 : 1;
}

async function published(ros: RosNode): Promise<FoundTopic[]> {
  let found: FoundTopic[] = [];
  const [startedMs, changed] = [performance.now(), { atMs: performance.now() }];
  const isSettled = () => performance.now() - changed.atMs >= (found.length > 0 ? QUIET_MS : NOTHING_MS);
  while (!isSettled() && performance.now() - startedMs < AT_MOST_MS) {
    await sleep(LOOK_EVERY_MS);
    const now = ros
      .topics()
      .map(({ topic }) => ({ topic, offers: ros.publishersOf(topic) }))
      .filter(({ offers }) => offers.length > 0)
      .map(({ topic, offers }) => ({
        topic,
        types: [...new Set(offers.map(({ type }) => type))],
        nodes: [...new Set(offers.map(fullName))],
      }));
    if (JSON.stringify(now) !== JSON.stringify(found)) changed.atMs = performance.now();
    found = now;
  }
  return found.sort((a, b) => a.topic.localeCompare(b.topic));
}
