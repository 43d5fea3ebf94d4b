// The commands that print or change the database: without a database, beside a running cloud, and on a PostgreSQL server.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { Postgres } from '../../test/support/postgres.ts';
import { addUser } from '../src/auth/members.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import { pgliteDatabase } from '../src/database/pglite.ts';
import { DatabaseSocket, socketPathOf } from '../src/database/socket.ts';
import { VERSION } from '../src/version/index.ts';
import { cloudCommand, type Said } from './support/commandLine.ts';
import { NO_POSTGRES } from './support/databases.ts';

const run = promisify(execFile);
const PHONE = '+391234567';
const THING = 'elderly-bot';
const MANIFEST = fileURLToPath(new URL('../package.json', import.meta.url));

let folder = '';
let files: BenchFiles;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cli-'));
  files = await benchCertificates(join(folder, 'certs'), THING);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('an invalid command line', () => {
  for (const [line, says] of [
    ['', /Which command\?/],
    ['srve', /Did you mean serve\?/],
    ['device add elderly-bot', /device add needs THING and CERT/],
    ['invite +391234567 two/things', /two\/things: expected 1 to 128 of/],
  ] as const) {
    test(`"${line}" prints one line on stderr and exits with code 2`, async () => {
      const { code, stdout, stderr } = await command(line, {});
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr.replaceAll('\n', ' '), says);
    });
  }
});

test('version and --help need no settings, and version prints the version of the package', async () => {
  assert.equal(VERSION, (JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }).version);
  assert.deepEqual(await command('version', {}), { code: 0, stdout: `${VERSION}\n`, stderr: '' });
  const { code, stdout } = await command('--help', {});
  assert.equal(code, 0);
  for (const name of [
    'serve',
    'migrate',
    'service',
    'invite',
    'revoke',
    'device',
    'silence',
    'backup',
    'policies',
    'doctor',
    'openapi',
    'version',
  ]) {
    assert.match(stdout, new RegExp(`elderly-bot-cloud ${name} `));
  }
});

test('openapi prints the OpenAPI document without a database or a broker', async () => {
  const { code, stdout } = await command('openapi', {});
  assert.equal(code, 0);
  const { openapi, paths } = JSON.parse(stdout) as { openapi: string; paths: object };
  assert.equal(openapi, '3.1.0');
  assert.ok('/auth/login' in paths);
});

test('a command never creates a missing database', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  for (const line of [`invite ${PHONE} ${THING}`, 'backup file']) {
    const { code, stderr } = await cloudCommand(line.split(' '), {}, empty);
    assert.equal(code, 1);
    assert.match(stderr, /^no database in \.\/cloud-data: set DATABASE_URL or CLOUD_DATA_DIR/);
  }
  assert.equal(existsSync(join(empty, 'cloud-data')), false);
  assert.equal(existsSync(join(empty, 'file.part')), false);
});

describe('with the database in the process', () => {
  const env = (): Record<string, string> => ({ CLOUD_DATA_DIR: join(folder, 'data') });
  before(async () => {
    await prepare(await openDatabase({ databaseUrl: null, dataDir: join(folder, 'data') }));
  });

  test('invite adds a member', async () => {
    const { code, stdout } = await command(`invite ${PHONE} ${THING}`, env());
    assert.deepEqual([code, stdout.startsWith(`${PHONE} is a member of ${THING}`)], [0, true]);
  });

  test('a backup is the archived folder, and the unpacked archive is the same database', async () => {
    const file = join(folder, 'data.tgz');
    const { code, stdout } = await command(`backup ${file}`, env());
    assert.equal(code, 0);
    assert.match(stdout, /bytes; to restore it into an empty database: mkdir FOLDER && tar -xzf/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const restored = join(folder, 'restored');
    mkdirSync(restored);
    await run('tar', ['-xzf', file, '-C', restored]);
    const db = await pgliteDatabase(restored);
    assert.deepEqual(await db.query('select phone from users'), [{ phone: PHONE }]);
    await db.close();
  });

  test('a command reports a folder that another process uses without a socket', async () => {
    const db = await pgliteDatabase(join(folder, 'data'));
    const { code, stderr } = await command('device list', env());
    await db.close();
    assert.equal(code, 1);
    assert.match(stderr, /is in use by another cloud/);
  });

  describe('beside the cloud that uses the database', () => {
    let db: Database;
    let socket: DatabaseSocket;
    before(async () => {
      db = await pgliteDatabase(join(folder, 'data'));
      // A killed cloud leaves its socket file.
      writeFileSync(socketPathOf(join(folder, 'data')), '');
      socket = new DatabaseSocket(db, join(folder, 'data'));
      await socket.start();
    });
    after(async () => {
      await socket.stop();
      await db.close();
    });

    test('only the owner may connect to the socket', () => {
      assert.equal(statSync(socketPathOf(join(folder, 'data'))).mode & 0o777, 0o600);
    });

    test('commands set members, certificates and silence limits through the socket, and read them with their types', async () => {
      const done = async (line: string): Promise<string> => {
        const { code, stdout, stderr } = await command(line, env());
        assert.equal(code, 0, `${line}: ${stderr}`);
        return stdout;
      };
      await done(`invite ${PHONE} another-bot`);
      assert.deepEqual(await db.query('select thing from members where thing = $1', ['another-bot']), [{ thing: 'another-bot' }]);
      await done(`device add ${THING} ${files.robot.cert}`);
      const [listed] = JSON.parse(await done('device list --json')) as { thing: string; added_at: string; revoked_at: unknown }[];
      assert.deepEqual([listed?.thing, listed?.revoked_at, Date.parse(listed?.added_at ?? '') > 0], [THING, null, true]);
      await db.query('insert into robots (thing, prefix) values ($1, $2)', [THING, 'elderly_bot']);
      for (const [time, ms] of [
        ['2h', 7_200_000],
        ['off', 0],
        ['default', null],
      ] as const) {
        await done(`silence ${THING} ${time}`);
        assert.deepEqual(await db.query('select silent_after_ms from robots where thing = $1', [THING]), [{ silent_after_ms: ms }]);
      }
    });

    test('refusals have the same texts as without a running cloud', async () => {
      const { code, stderr } = await command(`invite +390000000 ${THING}`, env());
      assert.deepEqual([code, stderr.startsWith('this phone number is not registered yet')], [1, true]);
      assert.match((await command(`silence nobody 2h`, env())).stderr, /^the cloud has received nothing from a robot nobody yet/);
      const wrong = await command(`silence ${THING} soon`, env());
      assert.deepEqual([wrong.code, wrong.stderr], [2, 'soon: expected a time such as 10m or 2h, or off, or default\n']);
    });

    test('a backup during operation is the same database', async () => {
      const file = join(folder, 'beside.tgz');
      assert.equal((await command(`backup ${file}`, env())).code, 0);
      const restored = join(folder, 'beside');
      mkdirSync(restored);
      await run('tar', ['-xzf', file, '-C', restored]);
      const copy = await pgliteDatabase(restored);
      assert.deepEqual(await copy.query('select phone from users'), [{ phone: PHONE }]);
      await copy.close();
    });
  });
});

describe('with a PostgreSQL server', { skip: NO_POSTGRES }, () => {
  let server: Postgres;
  let url = '';
  const env = (): Record<string, string> => ({ DATABASE_URL: url });
  before(async () => {
    server = await Postgres.start();
    url = await server.createDatabase();
    await prepare(await openDatabase({ databaseUrl: url, dataDir: '' }));
  });
  after(() => server.stop());
  test('invite refuses a phone that is not registered', async () => {
    const { code, stderr } = await command(`invite +390000000 ${THING}`, env());
    assert.equal(code, 1);
    assert.match(stderr, /^this phone number is not registered yet: register it first/);
  });

  test('invite adds a member, revoke removes the member, and each command prints its effect', async () => {
    const invited = await command(`invite ${PHONE} ${THING}`, env());
    assert.deepEqual([invited.code, invited.stderr], [0, '']);
    assert.equal(
      invited.stdout,
      `${PHONE} is a member of ${THING}; the cloud has never received anything from this robot: is the name correct?\n`,
    );
    assert.equal((await command(`revoke ${PHONE} ${THING}`, env())).code, 0);
    const again = await command(`revoke ${PHONE} ${THING}`, env());
    assert.deepEqual([again.code, again.stderr], [1, `this phone number was not a member of ${THING}; nothing changed\n`]);
  });

  test('device adds, lists and revokes a certificate, and refuses another robot’s certificate', async () => {
    const certificate = files.robot.cert;
    assert.match(
      (await command(`device add ${THING} ${certificate}`, env())).stdout,
      /^added [\w-]{43} for elderly-bot; the certificate is valid until /,
    );
    const other = await command(`device add other-bot ${certificate}`, env());
    assert.equal(other.code, 1);
    assert.match(other.stderr, /is the certificate of another robot/);
    assert.match((await command('device list', env())).stdout, /^elderly-bot +[\w-]{43} {2}valid until \d{4}-/);
    assert.equal((await command(`device revoke ${THING} ${certificate}`, env())).code, 0);
    const [listed] = JSON.parse((await command(`device list ${THING} --json`, env())).stdout) as { revoked_at: string | null }[];
    assert.ok(listed?.revoked_at);
  });

  test('device add refuses other files and names their kind', async () => {
    const text = join(folder, 'text.pem');
    writeFileSync(text, 'no certificate');
    for (const [file, says] of [
      [text, /is not a PEM certificate/],
      [files.robot.key, /contains a private key, which must stay on the robot/],
      [join(folder, 'nothing.pem'), /no such file/],
    ] as const) {
      const { code, stderr } = await command(`device add ${THING} ${file}`, env());
      assert.equal(code, 2);
      assert.match(stderr, says);
    }
  });

  test('migrate creates the tables in an empty database, and does nothing the second time', async () => {
    const empty = { DATABASE_URL: await server.createDatabase() };
    const before = await command('device list', empty);
    assert.deepEqual([before.code, before.stderr], [1, 'the tables are not up to date: run elderly-bot-cloud migrate\n']);
    assert.match((await command('migrate', empty)).stdout, /^done: \d+ steps, up to \d+\n$/);
    assert.equal((await command('migrate', empty)).stdout, 'nothing to do\n');
    assert.equal((await command('device list', empty)).code, 0);
  });

  test('pg_restore creates the same database from a backup', async () => {
    const file = join(folder, 'server.dump');
    const { code, stdout } = await command(`backup ${file}`, { DATABASE_URL: url.replace('postgres@', 'postgres:secret@') });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /secret/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const target = await server.createDatabase();
    await run('pg_restore', ['--no-owner', '-d', target, file]);
    const db = await openDatabase({ databaseUrl: target, dataDir: '' });
    assert.deepEqual(await db.query('select phone from users'), [{ phone: PHONE }]);
    assert.deepEqual(await migrate(db), []);
    await db.close();
  });

  test('a backup never overwrites a file', async () => {
    const file = join(folder, 'kept.dump');
    writeFileSync(file, 'kept');
    const { code, stderr } = await command(`backup ${file}`, env());
    assert.deepEqual([code, stderr, readFileSync(file, 'utf8')], [2, `${file} already exists; choose a new name\n`, 'kept']);
  });

  test('a failed backup leaves no file, and prints the error of pg_dump in one line without the password', async () => {
    const file = join(folder, 'none.dump');
    const { code, stderr } = await command(`backup ${file}`, { DATABASE_URL: 'postgresql://u:secret@127.0.0.1:1/db' });
    assert.equal(code, 1);
    assert.match(stderr, /^pg_dump: .*Connection refused.*elderly-bot-cloud doctor checks the database\n$/);
    assert.doesNotMatch(stderr, /secret/);
    assert.equal(existsSync(file) || existsSync(`${file}.part`), false);
  });
});

function command(line: string, environment: Record<string, string>): Promise<Said> {
  return cloudCommand(line.split(' ').filter(Boolean), environment, folder);
}

async function prepare(db: Database): Promise<void> {
  await migrate(db);
  await addUser(db, PHONE, 'no hash');
  await db.close();
}
