// `elderly-bot config`: what the daemon would say of a configuration, where each value comes from, and what editors need to know.
import { configJsonSchema, effectiveConfig, loadConfig } from '../config/index.ts';

export async function check(file: string | undefined): Promise<number> {
  const { config } = loadConfig(file, process.env);
  const [channels, commands] = [Object.keys(config.channels), Object.keys(config.commands)];
  process.stdout.write(`${file ?? 'config/default.yaml'} is good: channels ${channels.join(', ')}; commands ${commands.join(', ')}\n`);
  return 0;
}

export async function show(file: string | undefined, json: boolean): Promise<number> {
  const values = effectiveConfig(file, process.env);
  const width = Math.max(...values.map(({ key }) => key.length));
  const lines = values.map(({ key, value, from }) => `${key.padEnd(width)}  ${JSON.stringify(value)}  (${from})`);
  process.stdout.write(json ? `${JSON.stringify(values)}\n` : `${lines.join('\n')}\n`);
  return 0;
}

export async function schema(): Promise<number> {
  process.stdout.write(`${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  return 0;
}
