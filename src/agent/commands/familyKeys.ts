// Reports if commands are refused because no family key is paired, or because the file of the keys is damaged.
import { every } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { FamilyKeys, keyGap } from '../../signing/index.ts';
import type { Parts } from '../lifecycle/parts.ts';

/** The problems follow a change within this time. The keys themselves are read again for each signed command. */
const EVERY_MS = 5_000;

export function openFamilyKeys({ problems, shutdown }: Pick<Parts, 'problems' | 'shutdown'>, config: Config): FamilyKeys {
  const familyKeys = new FamilyKeys(config.state_dir);
  const check = () => {
    const gap = keyGap(config.commands, familyKeys.file, familyKeys.read());
    for (const code of ['family_keys_damaged', 'no_family_key'] as const) problems.set(code, gap?.code === code ? gap.text : undefined);
  };
  check();
  const ticker = every(EVERY_MS, check);
  shutdown.add('family keys', () => ticker.stop());
  return familyKeys;
}
