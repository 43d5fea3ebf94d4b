// The command `backup`: writes the whole database to one file that only its owner can read. For a server, pg_dump writes the file in its
// custom format. For PGlite, the file is an archive of its data directory. The file gets its name only once it is complete.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { print } from '../../../src/base/index.ts';
import type { CommandDatabase } from '../database/index.ts';
import { Refusal, readFailure, SettingsError } from '../errors/index.ts';
import { databaseSettings, onDatabase } from './database.ts';

/** The directory in which Debian installs the programs of each PostgreSQL version. */
const DEBIAN = '/usr/lib/postgresql';
/** URL parameters that both libpq and node's pg support. */
const LIBPQ_OPTIONS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'port'];

export async function backup(file: string): Promise<number> {
  if (existsSync(file)) throw new SettingsError([`${file} already exists; choose a new name`]);
  const { databaseUrl } = databaseSettings();
  const part = `${file}.part`;
  const target = await createFile(part);
  try {
    if (databaseUrl === null) await onDatabase((db) => dumpFolder(db, target));
    else await pgDump(databaseUrl, target);
    await target.sync();
    const { size } = await target.stat();
    await target.close();
    await rename(part, file);
    const restore = databaseUrl === null ? `mkdir FOLDER && tar -xzf ${file} -C FOLDER` : `pg_restore --no-owner -d DATABASE_URL ${file}`;
    await print(`${file}: ${size} bytes; to restore it into an empty database: ${restore}`);
    return 0;
  } catch (error) {
    await target.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SettingsError([
      code === 'EEXIST'
        ? `${path} already exists: another backup is running or was killed; remove the file`
        : `${path}: ${readFailure(error)}`,
    ]);
  }
}

async function dumpFolder(db: CommandDatabase, target: FileHandle): Promise<void> {
  if (!db.dump) throw new Refusal('this database cannot copy its folder');
  const copy = await db.dump();
  for await (const chunk of copy.stream()) await target.write(chunk);
}

async function pgDump(databaseUrl: string, target: FileHandle): Promise<void> {
  const { url, password } = withoutPassword(databaseUrl);
  // Every user can read a process's arguments, but only its owner can read its environment.
  const env = { ...process.env, ...(password !== null && { PGPASSWORD: password }) };
  const child = spawn(newestPgDump(), ['--format=custom', '--no-password', `--dbname=${url}`], {
    env,
    stdio: ['ignore', target.fd, 'pipe'],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = `${stderr}${chunk.toString()}`.slice(-2_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Refusal('pg_dump is not installed; apt-get install postgresql-client, at least as new as the server')
          : error,
      ),
    );
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new Refusal(
    `pg_dump: ${stderr.trim().replaceAll(/\s*\n\s*/g, ' ') || `ended with ${code}`}; elderly-bot-cloud doctor checks the database`,
  );
}

/** pg_dump refuses a newer server, so the newest installed version is used. */
function newestPgDump(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(DEBIAN, version, 'bin', 'pg_dump')).find((path) => existsSync(path)) ?? 'pg_dump';
}

function withoutPassword(text: string): { readonly url: string; readonly password: string | null } {
  const url = new URL(text);
  const password = url.searchParams.get('password') ?? (url.password === '' ? null : decodeURIComponent(url.password));
  url.password = '';
  for (const name of [...url.searchParams.keys()]) if (!LIBPQ_OPTIONS.includes(name)) url.searchParams.delete(name);
  // Only node's pg supports `no-verify`: TLS without a check of the certificate. libpq calls this `require`.
  if (url.searchParams.get('sslmode') === 'no-verify') url.searchParams.set('sslmode', 'require');
  return { url: url.toString(), password };
}
