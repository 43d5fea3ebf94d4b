// Reports if commands are refused because no family key is paired, or because the file of the keys is damaged.
import { every } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { FamilyKeys } from '../../signing/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

/** The problems follow a change within this time. The keys themselves are read again for each signed command. */
const EVERY_MS = 5_000;

export function openFamilyKeys({ problems, shutdown }: Pick<Parts, 'problems' | 'shutdown'>, config: Config): FamilyKeys {
  const familyKeys = new FamilyKeys(config.state_dir);
  const signed = Object.entries(config.commands).flatMap(([name, { signed }]) => (signed === 'off' ? [] : [name]));
  const required = signed.filter((name) => config.commands[name]?.signed === 'required');
  if (signed.length === 0) return familyKeys;
  const check = () => {
    const { keys, damage } = familyKeys.read();
    problems.set('family_keys_damaged', damage && `${familyKeys.file}: ${damage}; refused if signed: ${signed.join(', ')}`);
    const isUnpaired = damage === undefined && keys.length === 0 && required.length > 0;
    problems.set('no_family_key', isUnpaired ? `refused until then: ${required.join(', ')}` : undefined);
  };
  check();
  const ticker = every(EVERY_MS, check);
  shutdown.add('family keys', () => ticker.stop());
  return familyKeys;
}
