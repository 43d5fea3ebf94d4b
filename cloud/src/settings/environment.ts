// The environment and a `.env` file as one record of texts.
import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { codeOf, messageOf } from '../../../src/base/index.ts';
import { SettingsError } from '../errors/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * A value in the environment wins over one in the file, unless it is empty.
 * @param file a `.env` file, which may be missing.
 */
export function readEnvironment(environment: Environment, file: string): Environment {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return environment;
    throw new SettingsError([`${file}: ${messageOf(error)}`]);
  }
  return { ...parseEnv(text), ...notEmpty(environment) };
}

/** Only the variables that have a value: an empty value counts as not set. */
export function notEmpty(environment: Environment): Readonly<Record<string, string>> {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '');
  return Object.fromEntries(set);
}

/** The AWS SDK reads its variables only from the process's environment, so the variables of `.env` are copied there. */
export function exportToSdk(environment: Environment): void {
  for (const [name, value] of Object.entries(notEmpty(environment))) {
    if (name.startsWith('AWS_')) process.env[name] ||= value;
  }
}
