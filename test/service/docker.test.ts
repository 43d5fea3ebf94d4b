// Checks the Dockerfile without a container engine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../scripts/lab/program.ts';

const HADOLINT = join(ROOT, '.setup/hadolint/bin/hadolint');
const FILE = join(ROOT, 'docker/Dockerfile');
const skip = existsSync(HADOLINT) ? false : 'no hadolint: run bin/setup, connected';

describe('the Dockerfile', () => {
  it('passes hadolint', { skip }, () => {
    const { status, stdout, stderr } = spawnSync(HADOLINT, ['--no-color', FILE], { encoding: 'utf8' });
    assert.deepEqual([status, `${stdout}${stderr}`], [0, '']);
  });

  it('copies existing files and uses the required Node.js', () => {
    const text = readFileSync(FILE, 'utf8');
    const ignored = readFileSync(join(ROOT, 'docker/Dockerfile.dockerignore'), 'utf8').split('\n');
    for (const part of ['bin', 'scripts', 'src', 'cloud', 'config', 'systemd', 'docs']) assert.ok(!ignored.includes(part), part);
    assert.ok(ignored.includes('!certs/AmazonRootCA1.pem'));
    const [, version = ''] = /NODE_VERSION=(\S+)/.exec(text) ?? [];
    const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
    assert.ok(`>=${version}`.localeCompare(engines.node, 'en', { numeric: true }) >= 0, `${version} is older than ${engines.node}`);
  });
});
