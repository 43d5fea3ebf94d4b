// Builds the Debian package of `npm run package` for this processor. It adds the rclnodejs that was compiled on this machine, because the
// prebuilt ones run only on Ubuntu.
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../../scripts/lab/program.ts';
import { must } from './must.ts';

const ARCH = process.arch === 'x64' ? 'amd64' : process.arch;
const BUILT = 'node_modules/rclnodejs/build/Release/rclnodejs.node';

/** @returns the package's file in `folder`. */
export function robotPackage(folder: string, version: string): string {
  must(process.execPath, 'scripts/package/main.mjs', '--arch', ARCH, '--version', version, '--out', folder);
  const deb = join(folder, `elderly-bot_${version}_${ARCH}.deb`);
  if (existsSync(join(ROOT, BUILT))) withBuilt(deb);
  return deb;
}

function withBuilt(deb: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-deb-'));
  try {
    must('dpkg-deb', '--raw-extract', deb, folder);
    const target = join(folder, 'usr/lib/elderly-bot', BUILT);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(ROOT, BUILT), target);
    must('dpkg-deb', '--root-owner-group', '-Znone', '--build', folder, deb);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
