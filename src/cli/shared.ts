// Helpers that several commands share: loading a configuration despite faults, reading input files, and handling signals.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { codeOf, configFlag, printError, readSmallFile } from '../base/index.ts';
import { type Config, duration, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { refuseLooseKey } from '../identity/index.ts';

/**
 * Loads the configuration for commands such as `status` and `logs`. A mistake in the file must not keep an operator from inspecting the
 * running agent, so it only causes a warning on stderr, and the defaults replace the invalid keys.
 * @param needs keys, or whole sections, that must not be replaced by defaults, because the command depends on them.
 * @throws AgentError CONFIG_NOT_FOUND; CONFIG_INVALID if one of `needs` is invalid
 */
export function loadSalvaged(file: string | undefined, needs: readonly string[] = ['state_dir']): Config {
  const { config, invalid, repaired } = salvageConfig(file, process.env);
  if (invalid && repaired.some((key) => needs.some((need) => key === need || key.startsWith(`${need}.`)))) throw invalid;
  if (invalid) {
    const { thing, state_dir: stateDir, mqtt } = config;
    const used = `thing ${thing}, state_dir ${stateDir}, endpoint ${mqtt.endpoint}`;
    for (const line of invalid.message.split('\n')) remark(`warning: ${line} [${invalid.code}]`);
    remark(
      `warning: continuing with its valid parts and defaults for the rest: ${used}; correct the file, then run elderly-bot config check${configFlag(file)}`,
    );
  }
  return config;
}

/** Reads a file named on the command line; `-` means standard input. @throws AgentError CONFIG_NOT_FOUND if it is unreadable */
export function readInput(path: string, label: string, remedy: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    const reason = codeOf(cause) === 'ENOENT' ? 'no such file' : `it can't be read (${codeOf(cause)})`;
    throw new AgentError('CONFIG_NOT_FOUND', `${label}: ${reason}`, { remedy, cause });
  }
}

/**
 * Reads a file with private keys; `-` means standard input.
 * @throws AgentError KEY_PERMISSIONS if others can read the file; an error from the file system
 */
export function readPrivate(path: string, label: string): string {
  if (path === '-') return readFileSync(0, 'utf8');
  const { text, mode } = readSmallFile(path);
  refuseLooseKey(path, `${label} ${path}`, mode);
  return text;
}

/** If this process runs as root, switches to the owner of the state directory: the agent could not use files that root owns. */
export function actAsOwner(stateDir: string): void {
  if (process.getuid?.() !== 0 || !existsSync(stateDir)) return;
  const { uid, gid } = statSync(stateDir);
  process.setegid?.(gid);
  process.seteuid?.(uid);
}

/** @returns milliseconds. @throws AgentError CONFIG_INVALID if the option's text is not a duration such as `10s` */
export function durationOf(option: string, text: string): number {
  const { data, error } = duration.safeParse(text);
  if (data !== undefined) return data;
  throw new AgentError('CONFIG_INVALID', `${option} ${text}: ${error?.issues[0]?.message}`);
}

/** Prints a remark to stderr, so that stdout has only the command's output. */
export function remark(text: string): void {
  printError(`elderly-bot: ${text}`);
}

/** Returns an AbortSignal that aborts when the process receives any of these signals. */
export function abortOn(...signals: readonly NodeJS.Signals[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) process.once(signal, () => controller.abort());
  return controller.signal;
}
