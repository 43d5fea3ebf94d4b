// Installs the Debian packages whose programs are missing, by apt-get as root or through sudo. If that is impossible, one line names
// the command to type. The setup ends if a step needs the package; it continues if only tests do.
import { fileURLToPath } from 'node:url';
import { find, outputOf, report, SetupError } from './context.mjs';
import { python } from './python.mjs';
import { run } from './run.mjs';

const APT = fileURLToPath(new URL('apt.sh', import.meta.url));

/** @type {Record<import('./context.mjs').Need, { there: () => boolean, packages: () => string[], sign: string }>} */
const FOR_STEPS = {
  compiler: {
    there: () => Boolean(find('make') && (process.env.CC || find('gcc')) && (process.env.CXX || find('g++'))),
    packages: () => ['build-essential'],
    sign: 'no C++ compiler (gcc, g++) or no make on the PATH',
  },
  python: { there: () => python()?.venv === true, packages: venvPackages, sign: 'no Python 3.10 to 3.14 with venv on the PATH' },
  readelf: { there: () => Boolean(find('readelf')), packages: () => ['binutils'], sign: 'no readelf on the PATH' },
};

/** A test that needs a missing program is skipped and names it. */
const FOR_TESTS = [
  { name: 'mosquitto', program: 'mosquitto' },
  { name: 'mosquitto-clients', program: 'mosquitto_sub' },
  { name: 'postgresql', program: 'initdb' },
  { name: 'pgbouncer', program: 'pgbouncer' },
  { name: 'faketime', program: 'faketime' },
  { name: 'openssl', program: 'openssl' },
  { name: 'nginx-light', program: 'nginx' },
  { name: 'systemd', program: 'systemd-analyze' },
  { name: 'dbus', program: 'dbus-daemon' },
  { name: 'prometheus', program: 'promtool' },
  { name: 'iproute2', program: 'ip' },
  { name: 'lintian', program: 'lintian' },
  { name: 'debootstrap', program: 'debootstrap' },
];

/** The package with venv for the installed Python. The setup does not install a Python: the user chooses its version. */
function venvPackages() {
  const path = python()?.path;
  if (!path?.startsWith('/usr/bin/')) return [];
  return [`${path.slice('/usr/bin/'.length)}-venv`];
}

/** @param {import('./context.mjs').Need[]} needs @param {boolean} andForTests */
export function debianPackages(needs, andForTests) {
  const lacking = needs.map((need) => FOR_STEPS[need]).filter(({ there }) => !there());
  const required = lacking.flatMap(({ packages }) => packages());
  const forTests = FOR_TESTS.filter(({ program }) => andForTests && !find(program)).map(({ name }) => name);
  const installer = required.length + forTests.length > 0 ? rootPrefix() : undefined;

  return {
    what: installer ? [...required, ...forTests] : [],

    /** @returns {SetupError[]} missing tools of the steps that this user cannot install */
    problems: () =>
      lacking.flatMap(({ sign, packages }) => {
        const names = packages();
        if (names.length === 0) return [new SetupError(sign, 'install one (on Debian: apt-get install python3 python3-venv)')];
        if (installer) return [];
        return [new SetupError(sign, find('apt-get') ? toType(names) : `install what Debian calls ${names.join(' ')}`)];
      }),

    async install() {
      if (!installer) {
        if (forTests.length > 0) report(`${forTests.join(', ')} missing, so some tests will be skipped; ${toType(forTests)}`);
        return;
      }
      const [command = 'sh', ...args] = [...installer, 'sh', APT, String(process.pid), ...required, ...forTests];
      await run('apt', command, args, { fetches: 'the Debian mirror' });
      const still = lacking.find(({ there }) => !there());
      if (still)
        throw new SetupError(`${still.sign}, though apt-get has installed ${still.packages().join(' ')}`, 'put /usr/bin on the PATH');
    },
  };
}

/** @param {string[]} names */
function toType(names) {
  return `type: sudo apt-get install -y ${names.join(' ')}`;
}

/** @returns {string[] | undefined} the prefix that runs a command as root; undefined if this user can't install packages */
function rootPrefix() {
  if (!find('apt-get')) return undefined;
  if (process.getuid?.() === 0) return [];
  if (!find('sudo')) return undefined;
  return outputOf('sudo', ['-n', 'true']) !== undefined || process.stdin.isTTY ? ['sudo'] : undefined;
}
