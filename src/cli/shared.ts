// Helpers that several commands share: a configuration with faults, text files, and signals.
import { readFileSync } from 'node:fs';
import { codeOf, configFlag } from '../base/index.ts';
import { type Config, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';

/**
 * Loads the configuration for commands that inspect a robot or stop it. A mistake in the file must not hide a running agent from the
 * operator, so it is only a warning on stderr.
 * @param needs sections or keys that the command depends on: a default must not replace them.
 * @throws AgentError CONFIG_NOT_FOUND; CONFIG_INVALID if a needed key is invalid
 */
export function loadSalvaged(file: string | undefined, needs: readonly string[] = ['state_dir']): Config {
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

/** Reads a file that the command line names; `-` is standard input. @throws AgentError CONFIG_NOT_FOUND */
export function readInput(path: string, label: string, remedy: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    const reason = codeOf(cause) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(cause)})`;
    throw new AgentError('CONFIG_NOT_FOUND', `${label}: ${reason}`, { remedy, cause });
  }
}

/** @returns a signal that aborts at the first of these signals of the system. */
export function abortOn(...signals: readonly NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) process.once(signal, () => controller.abort());
  return controller.signal;
}
