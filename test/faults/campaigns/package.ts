// Installs the Debian package in a clean Debian, upgrades it over a full outbox, removes and purges it, and runs lintian for both
// processors.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { debianMissing } from '../../support/debianRoot.ts';
import { must } from '../../support/must.ts';
import type { Campaign, Context, Outcome } from '../campaign.ts';
import { lifeOf, VERSIONS } from '../service/debianLife.ts';

export const debianPackage: Campaign = {
  name: 'package',
  what: 'the Debian package in a clean Debian: installed, upgraded over a full outbox, removed, purged; lintian',
  defaultRuns: 1,
  missing: debianMissing,
  run: runPackage,
};

async function runPackage({ runs, say }: Context): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-packages-'));
  const failures: string[] = [];
  let lost = 0;
  let figures: Record<string, unknown> = {};
  try {
    for (const version of VERSIONS) must(process.execPath, 'scripts/package/main.mjs', '--out', folder, '--version', version);
    const debs = readdirSync(folder).map((name) => join(folder, name));
    say(`made ${debs.length} packages`);
    failures.push(...lintian(debs));
    for (let run = 1; run <= runs; run++) {
      const outcome = lifeOf(folder, say);
      failures.push(...outcome.failures.map((text) => `run ${run}: ${text}`));
      lost += outcome.lost;
      figures = outcome.figures;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { runs, lost, doubled: 0, failures, figures };
}

function lintian(debs: readonly string[]): string[] {
  const { error, status, stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', ...debs], { encoding: 'utf8' });
  if (error) return ['lintian is not here: apt-get install lintian'];
  return status === 0 ? [] : stdout.split('\n').filter((line) => line.startsWith('E:'));
}
