// `elderly-bot config check`: exactly what the daemon would say of a configuration.
import { loadConfig } from '../config/index.ts';

export async function check(file: string | undefined): Promise<number> {
  const { config } = loadConfig(file, process.env);
  const [channels, commands] = [Object.keys(config.channels), Object.keys(config.commands)];
  process.stdout.write(`${file ?? 'config/default.yaml'} is good: channels ${channels.join(', ')}; commands ${commands.join(', ')}\n`);
  return 0;
}
