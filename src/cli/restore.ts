// `elderly-bot restore`: a backup in the place of the outbox's file, while no agent runs. What was there is set aside, never deleted.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rowsBytes } from '../agent/uploads/uploads.ts';
import { print } from '../base/index.ts';
import { loadConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { backupsFolder, backupsIn, restoreBackup } from '../outbox/index.ts';
import { lockStateDir, restoreLifetime } from '../state/index.ts';

/** @param what a file, or `latest`. */
export async function restore(configFile: string | undefined, what: string): Promise<number> {
  const { config } = loadConfig(configFile, process.env);
  const { state_dir: stateDir } = config;
  const file = what === 'latest' ? latest(stateDir) : resolve(what);
  const lock = lockStateDir(stateDir);
  try {
    const { aside, about, rows } = await restoreBackup(file, stateDir, rowsBytes(config));
    restoreLifetime(stateDir, about.lifetime ?? '', Date.now());
    await print(`restored ${file}, taken ${new Date(Number(about.taken_at)).toISOString()}: ${rows} rows the cloud may not have`);
    if (aside !== undefined) await print(`the file that was there is ${aside}`);
    if (about.configuration) {
      const path = join(stateDir, 'restored-config.yaml');
      writeFileSync(path, about.configuration, { mode: 0o600 });
      await print(`the configuration of then is ${path}; it is used only if you say so`);
    }
    if (about.thing !== undefined && about.thing !== config.thing) {
      await print(`it was made by the thing ${about.thing}, and this is ${config.thing}: its rows go out under this name`);
    }
    await print('start the agent: it opens a new outbox in it, and tells the cloud what is not there any more');
    return 0;
  } finally {
    lock.release();
  }
}

function latest(stateDir: string): string {
  const folder = backupsFolder(stateDir);
  const newest = backupsIn(folder).at(-1);
  if (newest !== undefined) return join(folder, newest);
  throw new AgentError('BACKUP_MISSING', `there is no backup in ${folder}`, {
    remedy: 'fetch one from the bucket (THING/backup/...; its slices joined in the order of the manifest) and give the file',
  });
}
