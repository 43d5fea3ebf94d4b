// Renames and removes a database together with the files that SQLite keeps beside it. Without its WAL, a database may be incomplete.
import { existsSync, renameSync, rmSync } from 'node:fs';

const WITH_WAL = ['', '-wal', '-shm'] as const;

export function removeDatabase(file: string): void {
  for (const suffix of [...WITH_WAL, '-journal']) rmSync(`${file}${suffix}`, { force: true });
}

/** Renames the database to the first free name with this ending and a number. @returns the new name; undefined if there is no such file. */
export function setAside(file: string, ending: string): string | undefined {
  const parts = WITH_WAL.filter((suffix) => existsSync(`${file}${suffix}`));
  if (parts.length === 0) return undefined;
  const aside = freeName(file, ending);
  for (const suffix of parts) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  return aside;
}

/** @returns a name that neither a database nor a WAL has. */
export function freeName(file: string, ending: string): string {
  for (let n = 1; ; n++) {
    const name = `${file}.${ending}-${n}`;
    if (['', '-wal'].every((suffix) => !existsSync(`${name}${suffix}`))) return name;
  }
}
