// `elderly-bot reload`: a running agent reads its configuration again. A bad file changes nothing.
import { describeReload } from '../agent/reload.ts';
import { loadConfig } from '../config/index.ts';
import { askReload } from '../status/index.ts';

export async function reload(file: string | undefined, json: boolean): Promise<number> {
  const done = await askReload(loadConfig(file, process.env, { leaveOut: true }).config.state_dir);
  process.stdout.write(json ? `${JSON.stringify(done)}\n` : `${describeReload(done)}\n`);
  return 0;
}
