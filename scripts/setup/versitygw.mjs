// Builds versitygw with Go. It is a real S3 server that only the tests of presigned URLs need. Without it those tests are skipped and
// name it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { find, report, STATE } from './context.mjs';
import { run } from './run.mjs';

const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const FOLDER = join(STATE, 'versitygw');

/** The text that announces the build; undefined if there is nothing to build. */
export function versitygw() {
  return !existsSync(join(FOLDER, 'versitygw')) && find('go') ? 'versitygw, by Go, for tests of uploads' : undefined;
}

export async function buildVersitygw() {
  try {
    await run('versitygw', 'go', ['install', MODULE], { env: { ...process.env, GOBIN: FOLDER, GOFLAGS: '' } });
  } catch {
    report('versitygw could not be built, so some tests of uploads will be skipped');
  }
}
