// `elderly-bot restore`: replaces the outbox file with a backup while no agent is running. The previous file is renamed, never deleted.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rowsBytes } from '../agent/uploads/uploads.ts';
import { print } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { backupsFolder, backupsIn, restoreBackup } from '../outbox/index.ts';
import { lockStateDir, restoreLifetime } from '../state/index.ts';

/** @param backup a path, or `latest` for the newest backup in the state directory. */
export async function restore(configFile: string | undefined, backup: string): Promise<number> {
  const { config } = loadConfig(configFile, process.env);
  const { state_dir: stateDir, thing } = config;
  const file = backup === 'latest' ? latestIn(backupsFolder(stateDir)) : resolve(backup);
  const lock = lockStateDir(stateDir);
  try {
    const { aside, about, rows } = await restoreBackup(file, stateDir, rowsBytes(config));
    restoreLifetime(stateDir, about.lifetime ?? '', Date.now());
    await print(`restored ${file}, taken ${new Date(Number(about.taken_at)).toISOString()}: ${rows} rows that the cloud may not have`);
    if (aside !== undefined) await print(`the previous file is now ${aside}`);
    if (about.configuration) {
      const path = join(stateDir, 'restored-config.yaml');
      writeFileSync(path, about.configuration, { mode: 0o600 });
      await print(`the configuration from the backup is ${path}; the agent uses it only if you pass it with --config`);
    }
    if (about.thing !== undefined && about.thing !== thing)
      await print(`the backup is from the thing ${about.thing}, but this is ${thing}: its rows are published as ${thing}`);
    await print('next: start the agent; it opens a new outbox in this file and reports the missing rows to the cloud');
    return 0;
  } finally {
    lock.release();
  }
}

function latestIn(folder: string): string {
  const latest = backupsIn(folder).at(-1);
  if (latest !== undefined) return join(folder, latest);
  throw new AgentError('BACKUP_MISSING', `there is no backup in ${folder}`, {
    remedy: 'download one from the bucket (THING/backup/...), join its slices in the order of the manifest, and give the file',
  });
}
