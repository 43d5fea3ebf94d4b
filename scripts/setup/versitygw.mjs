// versitygw, a real S3 server for the tests of presigned URLs: built from the Go module proxy where there is Go. Nothing else needs it:
// where it can't be built those tests are skipped, and say so.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { find, STATE, say } from './context.mjs';
import { run } from './run.mjs';

const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const FOLDER = join(STATE, 'versitygw');

/** What will be built, for the line that says so; undefined where nothing is. */
export function versitygw() {
  return !existsSync(join(FOLDER, 'versitygw')) && find('go') ? 'versitygw, by Go, for tests of uploads' : undefined;
}

export async function buildVersitygw() {
  try {
    await run('versitygw', 'go', ['install', MODULE], { env: { ...process.env, GOBIN: FOLDER, GOFLAGS: '' } });
  } catch {
    say('versitygw could not be built, so some tests of uploads will be skipped');
  }
}
