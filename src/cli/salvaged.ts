// Loads the configuration for commands that inspect a robot or stop it. A mistake in the file must not blind the operator while the
// agent runs well, so it is only a warning on stderr.

import { configFlag } from '../base/index.ts';
import { type Config, salvageConfig } from '../config/index.ts';

/**
 * @param needs sections or keys that the command depends on: a default must not replace them.
 * @throws AgentError CONFIG_NOT_FOUND; CONFIG_INVALID if a needed key is invalid
 */
export function salvaged(file: string | undefined, needs: readonly string[] = ['state_dir']): Config {
  const { config, invalid, repaired } = salvageConfig(file, process.env);
  if (invalid && repaired.some((key) => needs.some((need) => key === need || key.startsWith(`${need}.`)))) throw invalid;
  if (invalid) {
    const { thing, state_dir: stateDir, mqtt } = config;
    const used = `thing ${thing}, state_dir ${stateDir}, endpoint ${mqtt.endpoint}`;
    process.stderr.write(
      `elderly-bot: warning: ${invalid.message} [${invalid.code}]\n` +
        `elderly-bot: warning: continuing with its valid parts and defaults for the rest: ${used}; correct the file, then run elderly-bot config check${configFlag(file)}\n`,
    );
  }
  return config;
}
