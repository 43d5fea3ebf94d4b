// `elderly-bot pair`: pins, lists and revokes the family keys that sign commands. A running agent uses the change at once.
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { messageOf, present, print } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type FamilyKey, FamilyKeys, fingerprintOf, keyName, presentedKeyOf, shownFingerprint } from '../signing/index.ts';
import { withCertsLock } from './certs/robot.ts';
import { loadSalvaged } from './shared.ts';

interface AddOptions {
  readonly config: string | undefined;
  /** A JWK, or the name of a file; `-` means standard input. */
  readonly key: string;
  readonly name: string;
  /** The fingerprint that the device shows. With it, the command does not ask. */
  readonly fingerprint: string | undefined;
}

export async function add({ config, key: given, name, fingerprint }: AddOptions): Promise<number> {
  const checkedName = keyName.safeParse(name);
  if (!checkedName.success) throw refused(`--name: ${checkedName.error.issues[0]?.message}`, 'for example: --name "Anna’s phone"');
  const isInline = given.trimStart().startsWith('{');
  const key = presentedKeyOf(isInline ? given : readKey(given), isInline ? '--key' : given);
  const shown = shownFingerprint(fingerprintOf(key));
  if (!(await isConfirmed(shown, name, fingerprint))) {
    throw refused(`the key with the fingerprint ${shown} was not paired`, 'compare the fingerprint with the one that the device shows');
  }
  const [added, file] = await change(config, (familyKeys) => [familyKeys.add(key, name, Date.now()), familyKeys.file] as const);
  await print([`paired: ${described(added)}, in ${file}`, `the key counts from now on; elderly-bot pair revoke ${shown} ends that`]);
  return 0;
}

export async function list(config: string | undefined, json: boolean): Promise<number> {
  const familyKeys = openKeys(config);
  const { keys, damage } = familyKeys.read();
  if (damage !== undefined) throw damaged(damage);
  const shown = keys.map(({ publicKey: _, ...key }) => ({ ...key, fingerprint: shownFingerprint(key.kid) }));
  const none = `no key is paired in ${familyKeys.file}; elderly-bot pair add --help shows how`;
  await present(shown, json, (found) => (found.length === 0 ? none : found.map(described)));
  return 0;
}

export async function revoke(config: string | undefined, which: string): Promise<number> {
  const { keys, damage } = openKeys(config).read();
  if (damage !== undefined) throw damaged(damage);
  const found = keys.filter(({ kid, name }) => kid === which || name === which || isSame(shownFingerprint(kid), which));
  const [key, second] = found;
  if (!key || second) {
    const text = key ? `${found.length} keys are called ${which}` : `no paired key has the fingerprint or the name ${which}`;
    throw refused(text, 'give a fingerprint that elderly-bot pair list shows');
  }
  await change(config, (familyKeys) => familyKeys.revoke(key.kid));
  await print([`revoked: ${described(key)}`, 'the robot refuses its signatures from now on']);
  return 0;
}

/** Asks the person at the console. Only they can see both the robot and the device, so a key that was exchanged on the way is found. */
async function isConfirmed(shown: string, name: string, given: string | undefined): Promise<boolean> {
  if (given !== undefined) return isSame(shown, given);
  await print([`fingerprint of the key of ${name}:`, '', `    ${shown}`, '']);
  if (!process.stdin.isTTY) throw refused('this command cannot ask you, because standard input is not a terminal', 'give --fingerprint');
  await print('Does the device show exactly the same characters? Answer yes or no:');
  for await (const answer of createInterface({ input: process.stdin })) return answer.trim() === 'yes';
  return false;
}

function isSame(shown: string, given: string): boolean {
  const bare = (text: string) => text.toUpperCase().replaceAll(/[\s-]/g, '');
  return bare(shown) === bare(given);
}

function described({ kid, name, paired_at, webauthn, jwk }: Omit<FamilyKey, 'publicKey'>): string {
  const kind = webauthn ? `passkey of ${webauthn.origin}` : `key (${jwk.crv})`;
  return `${shownFingerprint(kid)}  ${name}, ${kind}, paired ${new Date(paired_at).toISOString()}`;
}

function openKeys(config: string | undefined): FamilyKeys {
  return new FamilyKeys(loadSalvaged(config).state_dir);
}

function readKey(file: string): string {
  if (file !== '-' && !existsSync(file)) throw refused(`--key ${file}: no such file`, 'give a file, a JWK, or - for standard input');
  return readFileSync(file === '-' ? 0 : file, 'utf8');
}

/** Changes the keys as the owner of the state directory, while no other command changes them. */
function change<T>(file: string | undefined, work: (familyKeys: FamilyKeys) => T): Promise<T> {
  const config = loadSalvaged(file);
  return withCertsLock({ config }, async () => {
    try {
      return work(new FamilyKeys(config.state_dir));
    } catch (cause) {
      const remedy = 'run this as the user of the agent, on a disk that can be written';
      throw new AgentError('FAMILY_KEYS_UNWRITABLE', `nothing was changed: ${messageOf(cause)}`, { remedy, cause });
    }
  });
}

function damaged(damage: string): AgentError {
  return new AgentError('FAMILY_KEYS_UNWRITABLE', damage, { remedy: 'move the file away, and pair the devices again' });
}

function refused(message: string, remedy: string): AgentError {
  return new AgentError('FAMILY_KEY_INVALID', message, { remedy });
}
