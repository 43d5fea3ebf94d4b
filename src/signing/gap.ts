// Finds out which commands the robot refuses because its family keys are missing or damaged. Pure.
import type { PairedKeys } from './familyKeys.ts';

export interface KeyGap {
  /** The code of the agent's problem. */
  readonly code: 'family_keys_damaged' | 'no_family_key';
  readonly text: string;
}

type Signed = Readonly<Record<string, { readonly signed: 'required' | 'optional' | 'off' }>>;

/** @returns undefined if the keys refuse no configured command. */
export function keyGap(commands: Signed, file: string, { keys, damage }: PairedKeys): KeyGap | undefined {
  const named = (...levels: readonly string[]) =>
    Object.entries(commands)
      .flatMap(([name, { signed }]) => (levels.includes(signed) ? [name] : []))
      .join(', ');
  const [required, signed] = [named('required'), named('required', 'optional')];
  if (damage !== undefined && signed !== '') {
    return { code: 'family_keys_damaged', text: `${file}: ${damage}; the robot refuses, if signed: ${signed}` };
  }
  if (damage !== undefined || keys.length > 0 || required === '') return undefined;
  return { code: 'no_family_key', text: `no device is paired, so the robot refuses ${required}` };
}
