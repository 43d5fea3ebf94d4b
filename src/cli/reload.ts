// `elderly-bot reload`: a running agent reads its configuration again. A bad file changes nothing; the agent is asked all the same, so that
// it stands among its problems too.
import { describeReload } from '../agent/config/reload.ts';
import { salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { askReload } from '../status/index.ts';

export async function reload(file: string | undefined, json: boolean): Promise<number> {
  const { config, wrong, mended } = salvageConfig(file, process.env);
  if (wrong && mended.includes('state_dir')) throw wrong;
  try {
    const done = await askReload(config.state_dir);
    process.stdout.write(json ? `${JSON.stringify(done)}\n` : `${describeReload(done)}\n`);
    return 0;
  } catch (error) {
    if (wrong && error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') throw wrong;
    throw error;
  }
}
