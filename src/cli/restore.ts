// `elderly-bot restore`: replaces the outbox file with a backup while no agent is running. The previous file is renamed, never deleted.
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { rowsBytes } from '../agent/uploads/uploads.ts';
import { identitiesIn, print, replaceFile } from '../base/index.ts';
import { type Config, loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { ownCertificates } from '../identity/index.ts';
import { type About, backupsFolder, backupsIn, restoreBackup } from '../outbox/index.ts';
import { lockAllState, restoreLifetime } from '../state/index.ts';
import { thingName } from '../wire/index.ts';
import { actAsOwner, readPrivate } from './shared.ts';
import { type Trust, verifierFor } from './signedBackup.ts';

export interface RestoreArguments extends Pick<Trust, 'signer' | 'isUnverified'> {
  readonly configFile: string | undefined;
  /** A path, or `latest` for the newest backup in the state directory. */
  readonly backup: string;
  /** A file with private age keys, or `-` for standard input. */
  readonly identity: string | undefined;
}

/** The texts of a backup, which may be anyone's. A text that is not as the agent writes it is left out. */
const known = z.object({
  thing: thingName.optional().catch(undefined),
  taken_at: z.coerce.number().min(0).max(8.64e15).optional().catch(undefined),
  configuration: z.string().optional().catch(undefined),
  lifetime: z.string().catch(''),
});

export async function restore({ configFile, backup, identity, ...given }: RestoreArguments): Promise<number> {
  const { config } = loadConfig(configFile, process.env);
  const { state_dir: stateDir, thing } = config;
  const identities = identity === undefined ? [] : await readIdentities(identity);
  const file = backup === 'latest' ? latestIn(backupsFolder(stateDir)) : resolve(backup);
  const own = ownCertificates(config).map(({ certificate_id: id }) => id);
  actAsOwner(stateDir);
  const lock = lockAllState(stateDir);
  try {
    let complete = () => {};
    const verify = verifierFor({ file, own, ...given });
    const { aside, about, rows } = await restoreBackup({
      file,
      stateDir,
      maxBytes: rowsBytes(config),
      identities,
      verify,
      onReady: (found) => {
        complete = restoreTexts(config, found);
      },
    });
    complete();
    const { taken_at: takenAt = 0, configuration, thing: from = thing } = known.parse(about);
    await print(`restored ${file}, taken ${new Date(takenAt).toISOString()}: ${rows} rows that the cloud may not have`);
    if (aside !== undefined) await print(`the previous file is now ${aside}`);
    if (configuration)
      await print(`the configuration from the backup is ${restoredConfig(stateDir)}; the agent uses it only if you pass it with --config`);
    if (from !== thing) await print(`the backup is from the thing ${from}, but this is ${thing}: its rows are published as ${thing}`);
    await print('next: start the agent; it opens a new outbox in this file and reports the missing rows to the cloud');
    return 0;
  } finally {
    lock.release();
  }
}

/** Writes the files that belong to the outbox file, before that is in place. @returns a function to call afterwards. */
function restoreTexts({ state_dir: stateDir }: Config, about: About): () => void {
  const { configuration, lifetime } = known.parse(about);
  if (configuration) replaceFile(restoredConfig(stateDir), configuration);
  return restoreLifetime(stateDir, lifetime, Date.now());
}

function restoredConfig(stateDir: string): string {
  return join(stateDir, 'restored-config.yaml');
}

async function readIdentities(path: string): Promise<string[]> {
  const keys = await identitiesIn(readPrivate(path, '--identity'));
  if (keys !== undefined && keys.length > 0) return keys;
  throw new AgentError('IDENTITY_INVALID', `--identity ${path} contains no age identity, which begins with AGE-SECRET-KEY-1`, {
    remedy:
      'give the file that age-keygen wrote; decrypt it first if it has a passphrase: age -d FILE | elderly-bot restore BACKUP --identity -',
  });
}

function latestIn(folder: string): string {
  const latest = backupsIn(folder).at(-1);
  if (latest !== undefined) return join(folder, latest);
  throw new AgentError('BACKUP_MISSING', `there is no backup in ${folder}`, {
    remedy: 'download one from the bucket (THING/backup/...), join its slices in the order of the manifest, and give the file',
  });
}
