// What comes from the distribution: installed with apt-get as root or through sudo; where that can't be, one line says what to type.
import { spawnSync } from 'node:child_process';
import { find, run, SetupError, succeeds } from './context.mjs';
import { python, usesWheels } from './python.mjs';

/** Debian package by what it is needed for; only those whose program is missing are installed. */
function missing() {
  const needed = [
    ['mosquitto', () => find('mosquitto')],
    ['mosquitto-clients', () => find('mosquitto_sub')],
    ['postgresql', () => find('initdb')],
    ['build-essential', () => find('make') && find('c++')],
    ...(usesWheels()
      ? [
          ['binutils', () => find('readelf')],
          ['python3', () => find('python3')],
          ['python3-venv', () => python()],
        ]
      : []),
  ];
  return needed.filter(([, there]) => !there()).map(([name]) => name);
}

export const system = {
  name: 'Debian packages',
  done: () => missing().length === 0,
  what: () => `from Debian ${missing().join(', ')}`,
  check() {
    const list = missing().join(' ');
    if (!find('apt-get'))
      throw new SetupError(`${list} missing, and there is no apt-get here`, 'install them with your package manager, then run it again');
    if (installer() === undefined)
      throw new SetupError(`${list} missing, and this user may not install packages`, `type: sudo apt-get install -y ${list}`);
  },
  async run() {
    const list = missing();
    const [command = 'apt-get', ...before] = installer() ?? [];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-update', command, [...before, 'update', '-q'], { env });
    await run('apt-install', command, [...before, 'install', '-y', '--no-install-recommends', ...list], { env });
    // The tests start brokers and databases of their own: what was just installed need not run as a service.
    const services = ['mosquitto', 'postgresql'].filter((name) => list.includes(name));
    if (services.length > 0 && succeeds('systemctl', ['is-system-running', '--quiet'])) {
      spawnSync(before.length > 0 ? 'sudo' : 'systemctl', [...(before.length > 0 ? ['systemctl'] : []), 'disable', '--now', ...services], {
        stdio: 'ignore',
      });
    }
  },
};

/** How apt-get is run here; undefined where this user can't. */
function installer() {
  if (process.getuid?.() === 0) return ['apt-get'];
  if (!find('sudo')) return undefined;
  if (succeeds('sudo', ['-n', 'true'])) return ['sudo', 'apt-get'];
  return process.stdin.isTTY ? ['sudo', 'apt-get'] : undefined;
}
