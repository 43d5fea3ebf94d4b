// Tests the Debian package in a clean Debian, from installation to purge. `npm run faults -- package` has more runs and both processors.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { lifeOf, VERSIONS } from '../faults/service/debianLife.ts';
import { debianMissing } from '../support/debianRoot.ts';
import { robotPackage } from '../support/robotPackage.ts';

it('the Debian package can be installed in a clean Debian, upgraded with a full outbox, removed and purged', {
  skip: debianMissing(),
  timeout: 480_000,
}, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-packages-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const version of VERSIONS) robotPackage(folder, version);
  const { failures, lost } = lifeOf(folder, (text) => t.diagnostic(text));
  assert.deepEqual([failures, lost], [[], 0]);
});
