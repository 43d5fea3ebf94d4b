// Files of the robot's identity are replaced while it is connected to a real Mosquitto with mutual TLS. The uplink is the real one; the
// pace of the checks is shorter than an agent's.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { type RunningIdentity, watchIdentity } from '../../src/agent/identity/watch.ts';
import { loadConfig } from '../../src/config/index.ts';
import { type BenchFiles, benchCertificates, DevCa, readCredentials } from '../../src/identity/index.ts';
import { findMosquitto, Mosquitto } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import { startUplink, type UplinkBench } from '../support/uplink.ts';

const THING = 'elderly-bot';
const PACE = { checkMs: 20, settleMs: 150 };
/** The checks of several settling times. */
const MANY_CHECKS = 80;

describe('files of the identity that change while the robot is connected', {
  skip: findMosquitto() ? false : 'no Mosquitto: apt-get install mosquitto',
  timeout: 60_000,
}, () => {
  let folder: string;
  let files: BenchFiles;
  let broker: Mosquitto;
  let bench: UplinkBench;
  let identity: RunningIdentity;
  let lines: Record<string, unknown>[];
  let checks: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-replaced-'));
    files = await benchCertificates(join(folder, 'certs'), THING);
    broker = await Mosquitto.start({ certificates: files });
  });

  afterEach(async () => {
    identity?.stop();
    await bench?.stop();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Connects with the files at these paths, and watches them. */
  async function connect(paths = { ca: files.ca, ...files.robot }): Promise<void> {
    const credentials = readCredentials({ rootCa: paths.ca, certFile: paths.cert, privateKey: paths.key });
    bench = startUplink(files, broker.port, { credentials, connectTimeoutMs: 10_000, ackTimeoutMs: 10_000 });
    const { uplink, clock, problems, outbox } = bench;
    const env = { AWS_ROOT_CA: paths.ca, AWS_CERT_FILE: paths.cert, AWS_PRIVATE_KEY: paths.key };
    const { config } = loadConfig(undefined, env);
    lines = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    checks = 0;
    // Each check asks whether the clock is trusted, as it looks at the expiry.
    const counted = {
      ...clock,
      trusted: () => {
        checks++;
        return clock.trusted();
      },
    };
    await until(() => uplink.status().state === 'connected', 'it is connected');
    const parts = { config: { ...config, state_dir: join(folder, 'state') }, credentials, clock: counted, problems, log, outbox };
    identity = watchIdentity({ ...parts, uplink }, PACE);
  }

  const issue = (name: string, file = 'robot') => files.authority.issue(join(folder, 'certs'), file, { name });
  const text = () => bench.texts.get('certificate_unusable') ?? '';
  const isRaised = () => bench.present.has('certificate_unusable');
  const taken = () => lines.filter(({ event }) => event === 'certificate_changed');
  const connects = () => bench.uplink.status().connects;
  const isTaken = async () => {
    await until(() => taken().length > 0, 'the files are taken');
    assert.equal(bench.uplink.status().state, 'connected');
    assert.ok(!isRaised(), text());
  };
  const isCheckedOften = async () => {
    const before = checks;
    await until(() => checks > before + MANY_CHECKS, 'the files are checked several times');
  };

  it('a new pair of the same CA is taken with one reconnect, and the log says what was taken', async () => {
    await connect();
    await issue(THING);
    await isTaken();
    assert.equal(connects(), 2);
    const [line] = taken();
    assert.match(
      String(line?.msg),
      /uses certificate \S+robot\.crt\.pem, key \S+ from now on.*CN=elderly-bot, issued by CN=.*serial [0-9A-F]+, valid/,
    );
    assert.match(JSON.stringify(line?.certificate), /"serial":"[0-9A-F]+","certificate_id":"[0-9a-f]{64}"/);
    assert.doesNotMatch(JSON.stringify(lines), /PRIVATE KEY/);
  });

  it('a new pair with a new CA is taken after the broker has changed to that CA', async () => {
    await connect();
    await broker.kill();
    await until(() => bench.present.has('broker_refused_connection'), 'the broker is gone');
    files = await benchCertificates(join(folder, 'certs'), THING);
    await isCheckedOften();
    await broker.restart();
    await isTaken();
    assert.match(String(taken()[0]?.msg), /certificate .*, key .*, root CA /);
  });

  it('a CA is taken after the broker was untrusted', async () => {
    const other = await DevCa.create('the broker’s new CA');
    await connect();
    const before = readFileSync(files.ca, 'utf8');
    await other.issue(join(folder, 'certs'), 'broker', { name: 'localhost', server: true, hosts: ['localhost', '127.0.0.1'] });
    await broker.kill();
    await broker.restart();
    await until(() => bench.present.has('broker_untrusted'), 'the broker is untrusted');
    writeFileSync(files.ca, `${before}${other.certificatePem}`);
    await isTaken();
    assert.ok(!bench.present.has('broker_untrusted'));
    assert.match(String(taken()[0]?.msg), /uses root CA \S+ca\.crt\.pem from now on/);
  });

  it('a certificate without its key changes nothing until the key follows', async () => {
    const next = await issue(THING, 'next');
    await connect();
    writeFileSync(files.robot.cert, readFileSync(next.cert));
    await until(isRaised, 'the pair does not fit');
    assert.match(text(), /mqtt\.private_key \S+robot\.key\.pem does not belong to \S+robot\.crt\.pem/);
    await isCheckedOften();
    assert.equal(connects(), 1);
    writeFileSync(files.robot.key, readFileSync(next.key));
    await isTaken();
    assert.equal(connects(), 2);
  });

  it('a damaged, cut or missing file keeps the connection, is named, and the problem ends with the file', async () => {
    await connect();
    for (const file of [files.ca, files.robot.cert, files.robot.key]) {
      const whole = readFileSync(file, 'utf8');
      const damaged = whole.split('\n').with(1, 'AAAA').join('\n');
      for (const bad of ['', 'garbage\n', whole.slice(0, whole.length / 2), damaged, undefined]) {
        if (bad === undefined) rmSync(file);
        else writeFileSync(file, bad);
        await until(isRaised, `${file} is unusable`);
        assert.ok(text().includes(file), text());
        writeFileSync(file, whole, { mode: 0o600 });
        await until(() => !isRaised(), `${file} is usable again`);
      }
    }
    await isCheckedOften();
    assert.equal(connects(), 1);
    assert.equal(taken().length, 0);
  });

  it('a key that others can read is refused, and taken with mode 0600', async () => {
    const next = await issue(THING, 'next');
    await connect();
    chmodSync(next.key, 0o644);
    for (const file of ['cert', 'key'] as const) renameSync(next[file], files.robot[file]);
    await until(isRaised, 'the key is refused');
    assert.match(text(), /private_key \S+ has mode 0644: others can read it; chmod 600 /);
    await isCheckedOften();
    assert.equal(connects(), 1);
    chmodSync(files.robot.key, 0o600);
    await isTaken();
  });

  it('the same content with another time, mode or comment causes no reconnect', async () => {
    await connect();
    for (const file of [files.ca, files.robot.cert, files.robot.key]) {
      utimesSync(file, new Date(), new Date(0));
      writeFileSync(file, `# a comment\r\n${readFileSync(file, 'utf8').replaceAll('\n', '\r\n')}`);
    }
    chmodSync(files.robot.key, 0o400);
    await isCheckedOften();
    assert.equal(connects(), 1);
    assert.ok(!isRaised());
  });

  it('symbolic links that change their target are followed', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(join(folder, version));
      const pair = await files.authority.issue(join(folder, version), 'robot', { name: THING });
      writeFileSync(join(folder, version, 'ca.crt.pem'), readFileSync(files.ca));
      chmodSync(pair.key, 0o600);
    }
    const current = join(folder, 'current');
    symlinkSync('1', current);
    await connect({ ca: join(current, 'ca.crt.pem'), cert: join(current, 'robot.crt.pem'), key: join(current, 'robot.key.pem') });
    symlinkSync('2', join(folder, 'next'));
    renameSync(join(folder, 'next'), current);
    await isTaken();
  });

  it('a CA that does not fit the broker is refused, the old one stays in use, and the problem names the file', async () => {
    const other = await DevCa.create('somebody else');
    const before = readFileSync(files.ca);
    await connect();
    writeFileSync(files.ca, other.certificatePem);
    await until(isRaised, 'the CA is refused');
    assert.match(text(), /root CA \S+ca\.crt\.pem on disk: connect: .*set mqtt\.root_ca to the CA of this broker.*uses the previous ones/);
    await until(() => bench.uplink.status().state === 'connected' && connects() === 2, 'it is connected again');
    await isCheckedOften();
    assert.equal(connects(), 2, 'a refused CA is not tried again soon');
    writeFileSync(files.ca, before);
    await until(() => !isRaised(), 'the problem ends');
    assert.equal(taken().length, 0);
  });

  it('a certificate that the broker refuses leaves the old one in use', async () => {
    const stranger = await DevCa.create('somebody else');
    const next = await stranger.issue(join(folder, 'stranger'), 'robot', { name: THING });
    await connect();
    writeFileSync(files.robot.cert, readFileSync(next.cert));
    writeFileSync(files.robot.key, readFileSync(next.key));
    await until(isRaised, 'the certificate is refused');
    assert.match(text(), /certificate \S+robot\.crt\.pem, key \S+ on disk: /);
    await until(() => bench.uplink.status().state === 'connected', 'it is connected again');
    await issue(THING);
    await isTaken();
  });
});
