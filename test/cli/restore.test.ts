// `elderly-bot restore` on the command line: who signed a backup, who can open it, and a kill at each step.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import * as age from 'age-encryption';
import { AGENT } from '../../scripts/lab/program.ts';
import { CRASH_AT, RESTORE_CRASH_POINTS } from '../../src/base/index.ts';
import { BACKUP_TYP, type BenchFiles, benchCertificates, factsOf, readCredentials, signStatement } from '../../src/identity/index.ts';
import { backupsFolder, makeBackup, OutboxReader, openOutbox, verifyOutbox } from '../../src/outbox/index.ts';
import { LIFETIME_FILE, Lifetime } from '../../src/state/index.ts';
import { ManualClock, type OutboxBench, outboxBench } from '../support/outbox.ts';

const ROWS = 40;
const LATER_ROWS = 7;
const FIRST_LINE = 8_192;

describe('elderly-bot restore', { timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let bench: OutboxBench;
  let plain: string;
  let sealed: string;
  let secret: string;
  let keyFile: string;
  /** The state directory of each test. */
  let stateDir: string;
  let configFile: string;

  const credentials = () => readCredentials({ rootCa: files.ca, certFile: files.robot.cert, privateKey: files.robot.key });
  const signer = () => factsOf(credentials().certificate).certificate_id;
  const restore = (more: string[], { at = '', input = '' } = {}) => {
    const args = ['restore', ...more, '--config', configFile];
    return spawnSync(AGENT, args, { encoding: 'utf8', input, env: { ...process.env, [CRASH_AT]: at } });
  };
  const refused = (more: string[], code: string, text: RegExp, options = {}) => {
    const { status, stderr } = restore(more, options);
    assert.equal(status, 2, stderr);
    assert.match(stderr, text);
    assert.ok(stderr.trimEnd().endsWith(`[${code}]`), stderr);
  };
  const configure = (own: { cert: string; key: string }) =>
    writeFileSync(configFile, `state_dir: ${stateDir}\nmqtt: { cert_file: ${own.cert}, private_key: ${own.key} }\n`);
  const copyOf = (file: string, change: (bytes: Buffer) => Buffer): string => {
    const path = join(folder, 'changed.bak');
    writeFileSync(path, change(readFileSync(file)));
    return path;
  };
  const rowsIn = (directory: string): number => {
    const reader = OutboxReader.open(directory);
    assert.deepEqual(verifyOutbox(reader), []);
    const rows = [...reader.rows({ class: 'telemetry' })].length;
    reader.close();
    return rows;
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-restore-'));
    files = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
    secret = await age.generateX25519Identity();
    keyFile = join(folder, 'family.key');
    writeFileSync(keyFile, `# created by a test\n${secret}\n`, { mode: 0o600 });
    bench = outboxBench();
    for (let n = 0; n < ROWS; n++) bench.outbox.append({ class: 'telemetry', channel: 'gas', value: n });
    bench.outbox.flush();
    const make = (nowMs: number, recipients: string[]) =>
      makeBackup({
        db: bench.db,
        stateDir: bench.folder,
        about: {
          thing: 'elderly-bot',
          taken_at: String(nowMs),
          configuration: 'thing: elderly-bot\n',
          lifetime: readFileSync(join(bench.folder, LIFETIME_FILE), 'utf8'),
        },
        nowMs,
        keep: 9,
        recipients,
        sign: (content) => signStatement(credentials(), BACKUP_TYP, { iss: 'elderly-bot', ...content }),
        signal: new AbortController().signal,
      });
    plain = join(backupsFolder(bench.folder), await make(Date.UTC(2027, 0, 3), []));
    sealed = join(backupsFolder(bench.folder), await make(Date.UTC(2027, 0, 10), [await age.identityToRecipient(secret)]));
    bench.reopen();
    for (let n = 0; n < LATER_ROWS; n++) bench.outbox.append({ class: 'telemetry', channel: 'gas', value: n });
    bench.outbox.flush();
    bench.outbox.close();
    bench.db.close();
  });
  beforeEach(() => {
    stateDir = mkdtempSync(join(folder, 'state-'));
    configFile = join(folder, 'robot.yaml');
    configure(files.robot);
  });
  afterEach(() => rmSync(stateDir, { recursive: true, force: true }));
  after(() => {
    bench?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('opens a sealed backup with the private key of a recipient, from a file or from standard input', () => {
    assert.ok(readFileSync(sealed).subarray(FIRST_LINE).toString('latin1').startsWith('age-encryption.org/v1\n'));
    const { status, stderr, stdout } = restore([sealed, '--identity', keyFile]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /taken 2027-01-10T00:00:00\.000Z: 40 rows/);
    assert.equal(rowsIn(stateDir), ROWS);
    assert.equal(restore([sealed, '--identity', '-'], { input: `${secret}\r\n` }).status, 0);
    assert.equal(statSync(join(stateDir, 'restored-config.yaml')).mode & 0o777, 0o600);
  });

  it('refuses a sealed backup without a key, with another key, with a key that others can read, and with a file that is no key', async () => {
    refused([sealed], 'BACKUP_SEALED', /is sealed with age; give the file with the private key of a recipient: --identity FILE/);
    const other = join(folder, 'other.key');
    writeFileSync(other, await age.generateX25519Identity(), { mode: 0o600 });
    refused([sealed, '--identity', other], 'BACKUP_SEALED', /sealed for other recipients than the given identity/);
    const loose = join(folder, 'loose.key');
    writeFileSync(loose, secret, { mode: 0o644 });
    refused([sealed, '--identity', loose], 'KEY_PERMISSIONS', /--identity .*loose\.key has mode 0644: others can read it; chmod 600/);
    const none = join(folder, 'none.key');
    writeFileSync(none, '-----BEGIN OPENSSH PRIVATE KEY-----\n', { mode: 0o600 });
    refused([sealed, '--identity', none], 'IDENTITY_INVALID', /contains no age identity, which begins with AGE-SECRET-KEY-1/);
    refused([sealed, '--identity', '-'], 'IDENTITY_INVALID', /contains no age identity/);
    assert.ok(!existsSync(join(stateDir, 'outbox.db')));
  });

  it('reads by hand as the guide says: the rest after the first line is age around gzip around SQLite', async () => {
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(secret);
    const bytes = readFileSync(sealed);
    assert.equal(bytes.indexOf('\n'), FIRST_LINE - 1);
    const database = gunzipSync(await decrypter.decrypt(bytes.subarray(FIRST_LINE)));
    assert.equal(database.toString('latin1', 0, 15), 'SQLite format 3');
  });

  it('refuses a backup whose bytes or signature changed, or that is cut off', () => {
    const last = (bytes: Buffer) => bytes.length - 1;
    const flipped = copyOf(plain, (bytes) => Buffer.from(bytes.map((byte, at) => (at === FIRST_LINE + 4 ? byte ^ 1 : byte))));
    refused([flipped], 'BACKUP_INVALID', /it is cut off or damaged|not those that the robot signed/);
    const longer = copyOf(plain, (bytes) => Buffer.concat([bytes, Buffer.from('x')]));
    refused([longer], 'BACKUP_INVALID', /it is longer than the \d+ bytes that the robot signed/);
    const cut = copyOf(plain, (bytes) => bytes.subarray(0, last(bytes)));
    refused([cut], 'BACKUP_INVALID', /it is cut off: it has \d+ of \d+ bytes/);
    const forged = copyOf(plain, (bytes) => {
      const line = bytes.toString('latin1', 0, FIRST_LINE);
      const [header, payload, signature] = line.slice('elderly-bot-backup 1 '.length).trim().split('.');
      const said = JSON.parse(Buffer.from(String(payload), 'base64url').toString());
      const other = Buffer.from(JSON.stringify({ ...said, size: 1 })).toString('base64url');
      const next = `elderly-bot-backup 1 ${header}.${other}.${signature}`.padEnd(FIRST_LINE - 1);
      return Buffer.concat([Buffer.from(`${next}\n`), bytes.subarray(FIRST_LINE)]);
    });
    refused([forged, '--unverified'], 'BACKUP_INVALID', /the signature of .* is false/);
    assert.ok(!existsSync(join(stateDir, 'outbox.db')));
  });

  it('takes the backup of another robot only by its certificate’s id, or with a warning', async () => {
    const own = await files.authority.issue(join(folder, 'certs'), 'new-robot', { name: 'elderly-bot' });
    configure(own);
    refused(
      [plain],
      'BACKUP_UNVERIFIED',
      new RegExp(`signed with the certificate ${signer()}.*repeat the command with --signer ${signer()}`),
    );
    refused([plain, '--signer', 'a'.repeat(64)], 'BACKUP_UNVERIFIED', /which this robot does not have/);
    for (const id of [
      signer(),
      Buffer.from(signer(), 'hex').toString('base64url'),
      signer()
        .toUpperCase()
        .replaceAll(/..(?=.)/g, '$&:'),
    ]) {
      const { status, stderr } = restore([plain, '--signer', id]);
      assert.equal(status, 0, `${id}: ${stderr}`);
      assert.doesNotMatch(stderr, /WARNING/);
    }
    const { status, stderr } = restore([plain, '--unverified']);
    assert.equal(status, 0);
    assert.match(stderr, /WARNING: .* was signed with the certificate .*, which this robot does not have/);
  });

  it('takes a backup of an earlier version, which has no signature, only with --unverified', () => {
    const unsigned = copyOf(plain, (bytes) => bytes.subarray(FIRST_LINE));
    refused([unsigned], 'BACKUP_UNVERIFIED', /has no signature, so anyone may have made it/);
    const { status, stderr } = restore([unsigned, '--unverified']);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /WARNING: .*has no signature/);
    assert.equal(rowsIn(stateDir), ROWS);
  });

  for (const point of RESTORE_CRASH_POINTS) {
    it(`leaves the old or the new outbox after a kill at ${point}, on a robot with an outbox and on an empty one`, () => {
      for (const isEmpty of [false, true]) {
        rmSync(stateDir, { recursive: true });
        if (!isEmpty) cpSync(bench.folder, stateDir, { recursive: true });
        assert.equal(restore([plain], { at: point }).signal, 'SIGKILL', 'the process passes the crash point');
        const lifetime = Lifetime.begin(stateDir);
        const { db, outbox } = openOutbox({ stateDir, maxBytes: 64 * 1024 ** 2, clock: new ManualClock(), lifetime, groupMs: 60_000 });
        outbox.close();
        db.close();
        const [before, isNew] = [isEmpty ? 0 : ROWS + LATER_ROWS, RESTORE_CRASH_POINTS.indexOf(point) >= (isEmpty ? 2 : 3)];
        assert.equal(rowsIn(stateDir), isNew ? ROWS : before);
        if (isEmpty && isNew) assert.ok(lifetime.boot > Date.UTC(2026, 0), 'no number of a start is used twice');
        for (const name of ['outbox.db.mended', 'outbox.db.restoring']) assert.ok(!existsSync(join(stateDir, name)), name);
        const { status, stderr } = restore([plain]);
        assert.equal(status, 0, stderr);
        assert.equal(rowsIn(stateDir), ROWS);
      }
    });
  }
});
