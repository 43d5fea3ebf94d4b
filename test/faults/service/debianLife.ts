// The life of the Debian package in a clean Debian: installation, upgrade with a full outbox, removal and purge.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DebianRoot } from '../../support/debianRoot.ts';
import { must } from '../../support/must.ts';
import { type OutboxFile, readOutboxFile } from '../../support/outboxFile.ts';

export const VERSIONS = ['1.0.0', '1.1.0'] as const;
const ROWS = 50_000;
const STATE = 'var/lib/elderly-bot';
const CERTS = '/etc/elderly-bot/certs';

/** Runs the steps from the first installation to the purge. */
export function lifeOf(debs: string, say: (text: string) => void): { failures: string[]; lost: number; figures: Record<string, unknown> } {
  const failures: string[] = [];
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const root = new DebianRoot(['systemd', 'libstdc++6']);
  let lost = 0;
  let rows = 0;
  const expect = (what: string, isSo: boolean, text = '') => {
    if (!isSo) failures.push(`${what}: ${text.trim().slice(-400)}`);
    say(`${isSo ? 'ok' : 'FAILED'}: ${what}`);
  };
  try {
    const before = leftovers(root);
    const [first, second] = VERSIONS.map((version) => root.bring(join(debs, `elderly-bot_${version}_${arch}.deb`)));
    const installed = root.run('dpkg', '--install', String(first));
    expect('it is installed', installed.code === 0, installed.text);
    const version = () => root.run('elderly-bot', '--version').text.trim();
    expect(`it is version ${VERSIONS[0]}`, version() === VERSIONS[0], version());
    const noRos = root.run('elderly-bot', 'run', '--config', '/usr/share/doc/elderly-bot/examples/robot.yaml');
    expect('without certificates it says what to do, with code 2', noRos.code === 2 && noRos.text.includes(';'), noRos.text);

    const filled = fill(root);
    rows = filled.rows.length;
    const stats = root.run('elderly-bot', 'outbox', 'stats', '--json');
    expect('it reads a full outbox', stats.code === 0 && stats.text.includes(String(rows)), stats.text);
    root.run('chown', '4242:4242', CERTS);
    const upgraded = root.run('dpkg', '--install', String(second));
    expect('it is upgraded', upgraded.code === 0 && version() === VERSIONS[1], upgraded.text + version());
    const kept = readOutboxFile(root.path(STATE));
    lost = rows - kept.rows.length;
    expect('the upgrade keeps every row', lost === 0 && kept.integrity === 'ok', `${kept.rows.length} of ${rows}, ${kept.integrity}`);
    root.run('systemd-tmpfiles', '--create');
    const owner = root.run('stat', '--format', '%u %a', CERTS).text.trim();
    expect('upgrade and boot leave the certificates to whom they belong', owner === '4242 750', owner);
    const verified = root.run('elderly-bot', 'outbox', 'verify');
    expect('the new version finds the outbox sound', verified.code === 0, verified.text);

    const removed = root.run('dpkg', '--remove', 'elderly-bot');
    expect('it is removed', removed.code === 0 && !existsSync(root.path('usr/lib/elderly-bot')), removed.text);
    expect('the removal keeps the state', readOutboxFile(root.path(STATE)).rows.length === rows);
    const purged = root.run('dpkg', '--purge', 'elderly-bot');
    const left = leftovers(root).filter((path) => !before.includes(path));
    expect('the purge leaves nothing', purged.code === 0 && left.length === 0, `${purged.text} ${left.join(' ')}`);
    const users = root.run('getent', 'passwd', 'elderly-bot');
    expect('the purge leaves no user', users.code !== 0, users.text);
  } finally {
    root.remove();
  }
  return { failures, lost, figures: { rows } };
}

/** Fills an outbox like an agent that was always offline. */
function fill(root: DebianRoot): OutboxFile {
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-fill-'));
  try {
    must(process.execPath, '--import', 'tsx', 'test/bench/fill.ts', folder, String(ROWS), '7');
    cpSync(folder, root.path(STATE), { recursive: true });
    root.run('chown', '-R', 'elderly-bot:elderly-bot', `/${STATE}`);
    return readOutboxFile(root.path(STATE));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All paths that contain the package's name, except the package files and dpkg's records. */
function leftovers(root: DebianRoot): string[] {
  const { text } = root.run(
    'find',
    '/',
    '-xdev',
    '-path',
    '/proc',
    '-prune',
    '-o',
    '-path',
    '/root',
    '-prune',
    '-o',
    '-name',
    '*elderly*',
    '-print',
  );
  return text.split('\n').filter(Boolean);
}
