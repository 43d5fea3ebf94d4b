// Creates a clean Debian in a folder by debootstrap, without Node.js: the robot before the installation.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { needsRoot } from '../faults/campaign.ts';

const SUITE = 'bookworm';
const MIRROR = 'http://deb.debian.org/debian';

export function debianMissing(): string | false {
  const programs = ['debootstrap', 'dpkg-deb', 'unshare', 'chroot'];
  const missing = programs.find((program) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${program}`]).status !== 0);
  if (missing !== undefined) return needsRoot() || `no ${missing}: apt-get install debootstrap dpkg util-linux`;
  return needsRoot() || mirrorMissing();
}

/** Requests the same file as debootstrap does first. */
function mirrorMissing(): string | false {
  const { status } = spawnSync('wget', ['--quiet', '--spider', '--timeout=10', '--tries=1', `${MIRROR}/dists/${SUITE}/InRelease`]);
  return status === 0 ? false : `${MIRROR} can't be reached`;
}

export interface Ended {
  readonly code: number | null;
  readonly text: string;
}

export class DebianRoot {
  readonly folder = mkdtempSync(join(tmpdir(), 'elderly-bot-debian-'));

  /** Takes about two minutes and needs the Debian mirror. @param packages packages to install besides the essential ones. */
  constructor(packages: readonly string[]) {
    const args = ['--variant=minbase', `--include=${packages.join(',')}`, SUITE, this.folder, MIRROR];
    const { status, stdout, stderr } = spawnSync('debootstrap', args, { encoding: 'utf8', env: withSbin() });
    if (status !== 0) throw new Error(`debootstrap: ${stdout.slice(-500)}${stderr}`);
  }

  path(inside: string): string {
    return join(this.folder, inside);
  }

  /** Runs a command in the root, with a /proc of its own and without a network. */
  run(...command: string[]): Ended {
    const script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
    const line = ['--mount', '--net', '--pid', '--fork', 'sh', '-c', script, this.folder, ...command];
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
    const { status, stdout, stderr } = spawnSync('unshare', line, { encoding: 'utf8', env });
    return { code: status, text: `${stdout}${stderr}` };
  }

  /** Copies a package into the root. @returns its path in the root. */
  bring(deb: string): string {
    cpSync(deb, this.path(`root/${basename(deb)}`));
    return `/root/${basename(deb)}`;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
}
