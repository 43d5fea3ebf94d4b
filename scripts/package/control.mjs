// Writes the files that dpkg reads: description, dependencies, checksums, and the scripts of installation and removal.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../setup/context.mjs';

const SCRIPTS = join(ROOT, 'scripts/package/debian');

/** @param {string} folder @param {import('./main.mjs').Architecture} arch @param {{ version: string, compiled: boolean }} staged */
export function control(folder, arch, { version, compiled }) {
  const target = join(folder, 'DEBIAN');
  mkdirSync(target);
  const inside = compiled
    ? 'It brings the Node.js that it runs on; an installed one is neither needed nor used.'
    : 'It brings the Node.js that it runs on; its systemd binding is compiled at the installation.';
  const needs = ['libc6 (>= 2.34)', 'libstdc++6 (>= 11)', 'systemd', ...(compiled ? [] : ['g++ (>= 4:10)'])];
  const lines = [
    'Package: elderly-bot',
    `Version: ${version}`,
    `Architecture: ${arch}`,
    'Section: net',
    'Priority: optional',
    'Maintainer: The elderly-bot authors <authors@elderly-bot.dev>',
    `Installed-Size: ${kibibytes(folder)}`,
    `Depends: ${needs.join(', ')}`,
    'Suggests: ros-kilted-ros-base | ros-jazzy-ros-base | ros-humble-ros-base',
    'Description: edge agent of a robot that watches over an elderly person',
    ' It listens to ROS 2 topics, keeps every reading in an outbox on disk, and',
    ' delivers it to AWS IoT Core over mutual TLS until the cloud has confirmed it.',
    ' Commands from the family come back as ROS messages.',
    ' .',
    ...wrapped(inside),
    ' .',
    ...wrapped('It contains rclnodejs prebuilt for ROS 2 Humble, Jazzy, Kilted and Lyrical on Ubuntu.'),
    '',
  ];
  writeFileSync(join(target, 'control'), lines.join('\n'));
  for (const script of ['postinst', 'prerm', 'postrm']) {
    cpSync(join(SCRIPTS, script), join(target, script));
    chmodSync(join(target, script), 0o755);
  }
  const sums = spawnSync('sh', ['-c', 'find usr -type f -print0 | sort -z | xargs -0 md5sum'], { cwd: folder, encoding: 'utf8' });
  writeFileSync(join(target, 'md5sums'), sums.stdout);
}

/** @param {string} text @returns {string[]} */
function wrapped(text) {
  return (text.match(/.{1,76}(?: |$)/g) ?? []).map((line) => ` ${line.trim()}`);
}

/** @param {string} folder */
function kibibytes(folder) {
  return Number(spawnSync('du', ['-sk', folder], { encoding: 'utf8' }).stdout.split('\t')[0]);
}
