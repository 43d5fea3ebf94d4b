// `elderly-bot config show` and `config schema` print a configuration; `elderly-bot reload` makes the agent read it again.
import { describeReload } from '../agent/config/reload.ts';
import { configFlag, print } from '../base/index.ts';
import { configJsonSchema, effectiveConfig, loadConfig, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { askReload } from '../status/index.ts';
import { remark } from './shared.ts';

export async function show(file: string | undefined, json: boolean): Promise<number> {
  const values = effectiveConfig(file, process.env);
  const width = Math.max(...values.map(({ key }) => key.length));
  const lines = values.map(({ key, value, from }) => `${key.padEnd(width)}  ${JSON.stringify(value)}  (${from})`);
  await print(json ? JSON.stringify(values) : lines);
  try {
    loadConfig(file, process.env);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    remark(`this configuration is invalid: elderly-bot config check${configFlag(file)} lists the faults`);
    return 1;
  }
  return 0;
}

export async function schema(): Promise<number> {
  await print(JSON.stringify(configJsonSchema(), undefined, 2).split('\n'));
  return 0;
}

/** Asks the agent even if the file is invalid: the agent then keeps its configuration, and raises a problem for operators to see. */
export async function reload(file: string | undefined, json: boolean): Promise<number> {
  const { config, invalid, repaired } = salvageConfig(file, process.env);
  if (invalid && repaired.includes('state_dir')) throw invalid;
  try {
    const changes = await askReload(config.state_dir);
    await print(json ? JSON.stringify(changes) : describeReload(changes));
    return 0;
  } catch (error) {
    if (invalid && error instanceof AgentError && error.code === 'AGENT_NOT_RUNNING') throw invalid;
    throw error;
  }
}
