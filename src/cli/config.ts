// `elderly-bot config`: what the daemon would say of a configuration, where each value comes from, and what editors need to know.

import { configFlag } from '../base/index.ts';
import { configJsonSchema, effectiveConfig, loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';

/** What no two robots, or no two homes, share. */
const MINE = ['thing', 'mqtt.endpoint'];

export async function check(file: string | undefined): Promise<number> {
  const { config } = loadConfig(file, process.env);
  const [channels, commands] = [Object.keys(config.channels), Object.keys(config.commands)];
  process.stdout.write(
    `${file ?? 'what the program comes with (no file was given)'} is good: channels ${channels.join(', ')}; commands ${commands.join(', ')}\n`,
  );
  const told = effectiveConfig(file, process.env).filter(({ key, from }) => MINE.includes(key) && from === 'default');
  if (told.length > 0) {
    const values = told.map(({ key, value }) => `${key} (${value})`);
    process.stderr.write(`elderly-bot: not given, so the default: ${values.join(' and ')}; a robot needs its own\n`);
  }
  return 0;
}

export async function show(file: string | undefined, json: boolean): Promise<number> {
  const values = effectiveConfig(file, process.env);
  const width = Math.max(...values.map(({ key }) => key.length));
  const lines = values.map(({ key, value, from }) => `${key.padEnd(width)}  ${JSON.stringify(value)}  (${from})`);
  process.stdout.write(json ? `${JSON.stringify(values)}\n` : `${lines.join('\n')}\n`);
  try {
    loadConfig(file, process.env);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    process.stderr.write(`elderly-bot: the agent would not take all of it: elderly-bot config check${configFlag(file)} says why\n`);
    return 1;
  }
  return 0;
}

export async function schema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  return 0;
}
