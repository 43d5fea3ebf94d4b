// Files of the robot's identity that are replaced while the agent runs. The broker is a real one with mutual TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { benchCertificates, DevCa } from '../../src/identity/index.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { until } from '../support/until.ts';
import { clears, deliversAll, raiseAlert, raises } from './acts.ts';
import type { Situation } from './situation.ts';
import type { Stage } from './stage.ts';
import { THING, WatchedFiles } from './watchedFiles.ts';

const BROKER = { name: 'localhost', server: true, hosts: ['localhost'] };
const skip = mosquittoUnavailable();

async function renewed(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  await robot.issue('robot');
  const facts = /"subject":"CN=elderly-bot","issuer":"CN=[^"]+","serial":"[0-9A-F]+","certificate_id":"[0-9a-f]{64}".*"valid_to":"20/;
  await robot.isTaken(facts);
  assert.match(robot.taken[0] ?? '', /uses certificate \S+robot\.crt\.pem, key \S+robot\.key\.pem from now on/);
  assert.equal(robot.connects, 2);
}

async function switched(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage, async (folder, { authority }) => {
    for (const version of ['1', '2']) {
      mkdirSync(join(folder, version));
      await authority.issue(join(folder, version), 'robot', { name: THING });
    }
    symlinkSync('1', join(folder, 'current'));
    return { cert: join(folder, 'current/robot.crt.pem'), key: join(folder, 'current/robot.key.pem') };
  });
  symlinkSync('2', join(robot.folder, 'later'));
  renameSync(join(robot.folder, 'later'), join(robot.folder, 'current'));
  await robot.isTaken(/uses certificate \S+current\/robot\.crt\.pem, key /);
}

async function unchanged(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const { ca, robot: own } = robot.files;
  for (const file of [ca, own.cert, own.key]) {
    writeFileSync(file, `# a comment\r\n${readFileSync(file, 'utf8').replaceAll('\n', '\r\n')}`);
    utimesSync(file, new Date(), new Date(0));
  }
  chmodSync(own.key, 0o400);
  await robot.staysConnected();
  assert.deepEqual(robot.taken, []);
}

async function unusableAtStart(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.startUnusable(stage, ({ cert }) => writeFileSync(cert, 'garbage'));
  raiseAlert(robot.agent);
  await raises(robot.agent, stage.problem, /found no usable certificate when it started/);
  await until(() => /robot\.crt\.pem is not a PEM/.test(robot.agent.texts.get('certificate_unusable') ?? ''), 'the file is named');
  await robot.issue('robot');
  await robot.isTaken(/certificate .*, key .*, root CA /);
  await clears(robot.agent, stage.problem);
}

async function certificateFirst(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const next = await robot.issue();
  renameSync(next.cert, robot.files.robot.cert);
  await raises(robot.agent, stage.problem, /mqtt\.private_key \S+robot\.key\.pem does not belong to \S+robot\.crt\.pem/);
  await robot.staysConnected();
  renameSync(next.key, robot.files.robot.key);
  await robot.isTaken(/certificate .*, key /);
  await clears(robot.agent, stage.problem);
  assert.equal(robot.connects, 2);
}

async function damaged(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  for (const file of [robot.files.ca, robot.files.robot.cert, robot.files.robot.key]) {
    const whole = readFileSync(file, 'utf8');
    for (const bad of ['', 'garbage\n', whole.slice(0, whole.length / 2), whole.split('\n').with(1, 'AAAA').join('\n'), undefined]) {
      if (bad === undefined) rmSync(file);
      else writeFileSync(file, bad);
      await until(() => robot.agent.present.has(stage.problem), `${file} is unusable`);
      assert.ok(robot.agent.texts.get(stage.problem)?.includes(file), robot.agent.texts.get(stage.problem));
      writeFileSync(file, whole, { mode: 0o600 });
      await clears(robot.agent, stage.problem);
    }
  }
  await robot.staysConnected();
  assert.deepEqual(robot.taken, []);
}

async function noFile(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const { ca, robot: own } = robot.files;
  const put: readonly [RegExp, (file: string) => unknown][] = [
    [/it is a folder, not a file/, (file) => mkdirSync(file)],
    [/it is not a regular file/, (file) => execFileSync('mkfifo', [file])],
    [/it is not a regular file/, (file) => symlinkSync('/dev/zero', file)],
    [/it has 4294967296 bytes, more than the 1 MiB/, (file) => execFileSync('truncate', ['--size=4G', file])],
  ];
  for (const file of [ca, own.cert, own.key]) {
    const whole = readFileSync(file);
    for (const [text, make] of put) {
      rmSync(file);
      make(file);
      const isNamed = () => robot.agent.present.has(stage.problem) && text.test(robot.agent.texts.get(stage.problem) ?? '');
      await until(isNamed, `${text} is raised`);
      raiseAlert(robot.agent);
      await deliversAll(robot.agent);
      rmSync(file, { recursive: true });
      writeFileSync(file, whole, { mode: 0o600 });
      await clears(robot.agent, stage.problem);
    }
  }
  await robot.staysConnected();
}

async function loose(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const next = await robot.issue();
  chmodSync(next.key, 0o644);
  for (const file of ['cert', 'key'] as const) renameSync(next[file], robot.files.robot[file]);
  await raises(robot.agent, stage.problem, /private_key \S+ has mode 0644: others can read it; chmod 600 /);
  await robot.staysConnected();
  chmodSync(robot.files.robot.key, 0o600);
  await robot.isTaken(/certificate .*, key /);
  await clears(robot.agent, stage.problem);
}

async function refused(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const stranger = await (await DevCa.create('somebody else')).issue(stage.folder(), 'robot', { name: THING });
  for (const file of ['cert', 'key'] as const) writeFileSync(robot.files.robot[file], readFileSync(stranger[file]));
  await raises(robot.agent, stage.problem, /certificate \S+robot\.crt\.pem, key \S+ on disk: .*the agent uses the previous ones/);
  await until(() => robot.agent.uplink.status().state === 'connected', 'it is connected again');
  await robot.issue('robot');
  await robot.isTaken(/certificate .*, key /);
  await clears(robot.agent, stage.problem);
}

async function wrongCa(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const right = readFileSync(robot.files.ca);
  writeFileSync(robot.files.ca, (await DevCa.create('somebody else')).certificatePem);
  await raises(robot.agent, stage.problem, /root CA \S+ca\.crt\.pem on disk: connect: .*the agent uses the previous ones/);
  await until(() => robot.connects === 2, 'it is connected again');
  await robot.staysConnected(2);
  writeFileSync(robot.files.ca, right);
  await clears(robot.agent, stage.problem);
  assert.deepEqual(robot.taken, []);
}

async function brokerCa(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  const next = await DevCa.create('the broker’s new CA');
  const before = readFileSync(robot.files.ca);
  await next.issue(robot.folder, 'broker', BROKER);
  await robot.broker.kill();
  await robot.broker.restart();
  raiseAlert(robot.agent);
  await raises(robot.agent, stage.problem);
  writeFileSync(robot.files.ca, `${before}${next.certificatePem}`);
  await robot.isTaken(/uses root CA \S+ca\.crt\.pem from now on/);
  await clears(robot.agent, stage.problem);
}

async function whileUnreachable(stage: Stage): Promise<void> {
  const robot = await WatchedFiles.start(stage);
  await robot.broker.kill();
  raiseAlert(robot.agent);
  await raises(robot.agent, stage.problem);
  await benchCertificates(robot.folder, THING);
  await robot.broker.restart();
  await robot.isTaken(/certificate .*, key .*, root CA /);
  await clears(robot.agent, stage.problem);
}

const TAKES =
  'The agent tests the files in its own connection, takes them and logs `certificate_changed`. It needs no restart and no reload.';
const KEEPS = 'The agent stays connected with the previous files. The problem names the file, and ends once the file is good.';

/** While the files are being written, they are not whole or do not fit. The operator would see that after 10 s. */
const HALF_WRITTEN = ['certificate_unusable'] as const;

export const replaced: readonly Situation[] = [
  {
    situation: 'Certificate and key are renewed in the same files.',
    reaction: TAKES,
    problem: null,
    also: HALF_WRITTEN,
    skip,
    play: renewed,
  },
  {
    situation: 'A symbolic link to certificate and key is switched, as certbot and Kubernetes do.',
    reaction: TAKES,
    problem: null,
    also: HALF_WRITTEN,
    skip,
    play: switched,
  },
  {
    situation: 'The files of the certificate get another date, comments or line ends.',
    reaction: 'The agent stays connected, as the content is the same.',
    problem: null,
    also: HALF_WRITTEN,
    skip,
    play: unchanged,
  },
  {
    situation: 'The agent starts again while its certificate, key or root CA is damaged, cut or deleted.',
    reaction: 'The agent senses and keeps all rows. It takes the files once they are good, and sends the rows.',
    problem: 'certificate_missing',
    also: HALF_WRITTEN,
    skip,
    play: unusableAtStart,
  },
  {
    situation: 'A new certificate is written before its key.',
    reaction: 'The agent stays connected, and takes both files once the key has followed. The problem is shown after 10 s.',
    problem: 'certificate_unusable',
    skip,
    play: certificateFirst,
  },
  {
    situation: 'The certificate, its key or the root CA is damaged, cut or deleted.',
    reaction: KEEPS,
    problem: 'certificate_unusable',
    skip,
    play: damaged,
  },
  {
    situation: 'A file of the identity is replaced by a folder, a pipe, a device or a file of 4 GiB.',
    reaction: KEEPS,
    problem: 'certificate_unusable',
    skip,
    play: noFile,
  },
  {
    situation: 'A new key has mode 0644, so that others can read it.',
    reaction: KEEPS,
    problem: 'certificate_unusable',
    skip,
    play: loose,
  },
  {
    situation: 'The broker refuses a certificate that was replaced.',
    reaction: 'The agent goes back to the previous certificate, and tries the new one again later. The problem ends once the files work.',
    problem: 'certificate_unusable',
    skip,
    play: refused,
  },
  {
    situation: 'The root CA is replaced by one that did not sign the broker’s certificate.',
    reaction: 'The agent goes back to the previous CA, and tries the new one again later. The problem ends once the file is good.',
    problem: 'certificate_unusable',
    skip,
    play: wrongCa,
  },
  {
    situation: 'The broker changes its CA, and the file of the root CA is replaced afterwards.',
    reaction: 'The agent connects with the new CA as soon as it finds the file. The alert that waits arrives.',
    problem: 'broker_untrusted',
    also: ['mqtt_ended', 'broker_refused_connection', 'broker_hung_up'],
    skip,
    play: brokerCa,
  },
  {
    situation: 'Certificate, key and root CA are replaced while the broker is unreachable.',
    reaction: 'The agent tests the files when the broker answers, and takes them.',
    problem: 'broker_refused_connection',
    also: ['mqtt_ended', 'broker_untrusted', 'broker_hung_up', 'certificate_unusable', 'certificate_refused'],
    skip,
    play: whileUnreachable,
  },
];
