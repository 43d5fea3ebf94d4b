// The folder of the database in the process: closed to other users, and to a second cloud wherever that runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pgliteDatabase } from '../src/database/pglite.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const NO_NAMESPACE = spawnSync('unshare', ['--net', 'true']).status !== 0 && 'skipped: no network namespace (unshare --net)';

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-pglite-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The modes of the folder and of all that is in it. */
function modesIn(data: string): string[] {
  const entries = readdirSync(data, { recursive: true, withFileTypes: true }).map((entry) => join(entry.parentPath, entry.name));
  return [...new Set([data, ...entries].map((path) => (statSync(path).mode & 0o170777).toString(8)))].sort();
}

test('no other user can read the folder, not even one of an earlier version', async () => {
  const data = join(folder, 'private');
  for (const isOld of [false, true]) {
    if (isOld) for (const path of [data, join(data, 'PG_VERSION'), join(data, 'base')]) chmodSync(path, 0o755);
    const db = await pgliteDatabase(data);
    await db.script(`create table made_${isOld} (a int)`);
    assert.deepEqual(modesIn(data), ['100600', '40700']);
    await db.close();
  }
});

test('a second cloud is refused in another network namespace too', { skip: NO_NAMESPACE }, async () => {
  const data = join(folder, 'locked');
  const db = await pgliteDatabase(data);
  const program = [process.execPath, '--import', import.meta.resolve('tsx'), MAIN, 'migrate'];
  const migrate = (): { readonly status: number | null; readonly stdout: string; readonly stderr: string } =>
    spawnSync('unshare', ['--net', ...program], { cwd: folder, env: { PATH: process.env.PATH, CLOUD_DATA_DIR: data }, encoding: 'utf8' });
  const second = migrate();
  assert.equal(second.status, 1, second.stdout);
  assert.match(second.stderr, /locked is in use by another cloud; stop that cloud/);
  await db.close();
  assert.match(migrate().stdout, /^done: /);
});
