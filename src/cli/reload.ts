// `elderly-bot reload`: a running agent reads its configuration again. An invalid file changes nothing, but the command still asks the
// agent, so that the agent raises a problem.
import { describeReload } from '../agent/config/reload.ts';
import { salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { askReload } from '../status/index.ts';

export async function reload(file: string | undefined, json: boolean): Promise<number> {
  const { config, invalid, repaired } = salvageConfig(file, process.env);
  if (invalid && repaired.includes('state_dir')) throw invalid;
  try {
    const done = await askReload(config.state_dir);
    process.stdout.write(json ? `${JSON.stringify(done)}\n` : `${describeReload(done)}\n`);
    return 0;
  } catch (error) {
    if (invalid && error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') throw invalid;
    throw error;
  }
}
