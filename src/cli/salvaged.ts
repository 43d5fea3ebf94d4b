// The configuration for a command that looks at a robot, or stops it: a mistake in the file must not blind the operator while the
// agent runs well. What is wrong is told on stderr.

import { configFlag } from '../base/index.ts';
import { type Config, salvageConfig } from '../config/index.ts';

/**
 * @param needs sections or keys that the command acts by: no default may stand for these.
 * @throws AgentError CONFIG_NOT_FOUND; where what is needed is wrong itself, CONFIG_INVALID
 */
export function salvaged(file: string | undefined, needs: readonly string[] = ['state_dir']): Config {
  const { config, wrong, mended } = salvageConfig(file, process.env);
  if (wrong && mended.some((key) => needs.some((need) => key === need || key.startsWith(`${need}.`)))) throw wrong;
  if (wrong) {
    const { thing, state_dir: stateDir, mqtt } = config;
    const used = `thing ${thing}, state_dir ${stateDir}, endpoint ${mqtt.endpoint}`;
    process.stderr.write(
      `elderly-bot: warning: ${wrong.message} [${wrong.code}]\n` +
        `elderly-bot: warning: used is what can be read of it, and defaults for the rest: ${used}; mend it, then: elderly-bot config check${configFlag(file)}\n`,
    );
  }
  return config;
}
