// Tests the response to invalid input: one line per fault with file, line, value and remedy, exit code 2, no partial start, no stack trace.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT, Program, ROOT } from '../../scripts/lab/program.ts';
import { type BenchFiles, benchCertificates } from '../../src/identity/index.ts';
import { askStatus } from '../../src/status/index.ts';
import { rosUnavailable } from '../support/ros.ts';

interface Outcome {
  readonly code: number | null;
  readonly lines: readonly string[];
}

describe('elderly-bot run with invalid input', { skip: rosUnavailable(), timeout: 300_000 }, () => {
  let folder: string;
  let files: BenchFiles;
  let domain: RosDomain;

  before(async () => {
    domain = await claimDomain();
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-bad-'));
    files = await benchCertificates(join(folder, 'certs'), 'elderly-bot');
  });

  after(async () => {
    await domain.release();
    rmSync(folder, { recursive: true, force: true });
  });

  const good = (over: Record<string, string> = {}) => {
    const mqtt = { endpoint: 'localhost:1', root_ca: files.ca, cert_file: files.robot.cert, private_key: files.robot.key, ...over };
    const keys = Object.entries(mqtt).map(([key, value]) => `  ${key}: ${value}\n`);
    return `state_dir: ${over.state_dir ?? join(folder, 'state')}\nmqtt:\n${keys.filter((line) => !line.includes('state_dir')).join('')}`;
  };

  async function run(yaml: string, env: NodeJS.ProcessEnv = process.env, command = AGENT, before: string[] = []): Promise<Outcome> {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, yaml);
    const program = new Program('agent', command, [...before, 'run', '--config', file], env);
    const timer = setTimeout(() => program.signal('SIGKILL'), 15_000);
    const code = await program.exited;
    clearTimeout(timer);
    return { code, lines: program.stderr.trim().split('\n') };
  }

  function refuses({ code, lines }: Outcome, ...patterns: RegExp[]): void {
    assert.equal(code, 2, lines.join('\n'));
    assert.equal(lines.length, patterns.length, lines.join('\n'));
    for (const pattern of patterns)
      assert.ok(
        lines.some((line) => pattern.test(line)),
        `${pattern} in\n${lines.join('\n')}`,
      );
  }

  it('reports the position of an unknown key and suggests a known one', async () => {
    refuses(
      await run(`${good()}  intervall: 5s\n`),
      /robot\.yaml:7:3: unknown key mqtt\.intervall, did you mean interval\?.*\[CONFIG_INVALID\]/,
    );
  });

  it('reports each invalid value in its own line', async () => {
    refuses(
      await run(`thing: "two words"\n${good()}  interval: soon\n`),
      /:1:1: thing is "two words": expected 1 to 128/,
      /mqtt\.interval is "soon": expected a duration/,
    );
  });

  it('starts without an invalid channel and without a command whose condition needs it, and raises a problem for each', async () => {
    const file = join(folder, 'partly.yaml');
    const commands =
      'commands:\n  wave:\n    topic: /wave\n    type: std_msgs/msg/Bool\n    message: { data: true }\n    when: [gas == false]\n';
    const channels = 'channels:\n  gas: { topic: gas detected }\n  smoke: { topic: /smoke, type: smoke_msgs/msg/Smoke }\n';
    writeFileSync(file, `${good({ state_dir: join(folder, 'partly') })}${channels}${commands}`);
    const agent = new Program('agent', AGENT, ['run', '--config', file]);
    await agent.event('started');
    const { problems, channels: seen } = await askStatus(join(folder, 'partly'));
    const off = problems.filter(({ code }) => code === 'channel_off').map(({ subject, text }) => `${subject} ${text}`);
    assert.equal(off.length, 3, off.join('\n'));
    assert.match(off.join('\n'), /gas .*partly\.yaml:8:10: channels\.gas\.topic is "gas detected": expected a ROS topic/);
    assert.match(off.join('\n'), /wave .*gas == false: no channel is called gas/);
    assert.match(
      off.join('\n'),
      /smoke .*partly\.yaml:9:27: channels\.smoke\.type: .*(pip install --no-deps ros|apt install ros-\w+)-smoke-msgs/,
    );
    assert.equal(seen.find(({ name }) => name === 'smoke')?.state, 'off');
    assert.equal(seen.find(({ name }) => name === 'fire')?.state, 'waiting');
    assert.equal(await agent.stop(), 0);
  });

  it('reports a missing certificate file', async () => {
    refuses(
      await run(good({ cert_file: '/nowhere/robot.pem' })),
      /mqtt\.cert_file \/nowhere\/robot\.pem: no such file; .*\[CERTIFICATE_MISSING\]/,
    );
  });

  it('reports a file that does not contain a certificate', async () => {
    const file = join(folder, 'empty.pem');
    writeFileSync(file, 'hello\n');
    refuses(await run(good({ root_ca: file })), /mqtt\.root_ca .*empty\.pem is not a (valid )?PEM certificate/);
  });

  it('reports a key that belongs to another certificate', async () => {
    refuses(await run(good({ private_key: files.cloud.key })), /does not belong to .*robot\.crt\.pem.*\[KEY_MISMATCH\]/);
  });

  it('reports a key that other users can read, and the command that corrects it', async () => {
    const key = join(folder, 'loose.key.pem');
    copyFileSync(files.robot.key, key);
    chmodSync(key, 0o644);
    refuses(await run(good({ private_key: key })), /mode 0644: others can read it; chmod 600 .*loose\.key\.pem \[KEY_PERMISSIONS\]/);
  });

  it('reports a state directory that cannot be written', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    // /proc answers ENOENT for each new folder.
    refuses(
      await run(good({ state_dir: '/proc/elderly-bot' })),
      /state_dir \/proc\/elderly-bot can't be written: ENOENT.*\[STATE_DIR_UNWRITABLE\]/,
    );
    refuses(await run(good({ state_dir: join(file, 'state') })), /state_dir .*a-file.*can't be written.*\[STATE_DIR_UNWRITABLE\]/);
  });

  it('refuses a second agent on the same state directory', async () => {
    const state = join(folder, 'shared');
    mkdirSync(state);
    const file = join(folder, 'first.yaml');
    writeFileSync(file, good({ state_dir: state }));
    const first = new Program('first', AGENT, ['run', '--config', file]);
    await first.event('started');
    refuses(await run(good({ state_dir: state })), /in use by another agent; stop the other agent first.*\[STATE_DIR_LOCKED\]/);
    assert.equal(await first.stop(), 0);
  });

  it('reports a missing file and a file that is not YAML', async () => {
    const program = new Program('agent', AGENT, ['run', '--config', join(folder, 'none.yaml')]);
    assert.equal(await program.exited, 2);
    assert.match(program.stderr, /none\.yaml: no such file; give an existing file with --config FILE \[CONFIG_NOT_FOUND\]/);
    refuses(await run('thing: [\n'), /robot\.yaml:\d+:\d+: .*\[CONFIG_SYNTAX\]/);
  });

  it('reports a missing ROS 2 environment', async () => {
    const { AMENT_PREFIX_PATH: _, ...env } = process.env;
    refuses(await run(good(), env, process.execPath, [join(ROOT, 'dist/cli/main.js')]), /no ROS 2 environment.*\[ROS_MISSING\]/);
  });

  it('reports an invalid ROS domain', async () => {
    refuses(await run(good(), { ...process.env, ROS_DOMAIN_ID: 'abc' }), /ROS_DOMAIN_ID.*\[ROS_DOMAIN_INVALID\]/);
  });
});

describe('the command line', { timeout: 300_000 }, () => {
  const cli = async (...args: string[]) => {
    const program = new Program('cli', AGENT, args);
    return { code: await program.exited, stderr: program.stderr.trim(), stdout: program.lines };
  };

  it('suggests a command for an unknown one', async () => {
    const { code, stderr } = await cli('stauts');
    assert.deepEqual([code, stderr.split('\n').length], [2, 1]);
    assert.match(stderr, /Did you mean status\?/);
  });

  it('reports that no agent runs', async () => {
    const { code, stderr } = await cli('status', '--config', join(ROOT, 'config/bench.yaml'));
    assert.equal(code, 2);
    assert.match(stderr, /no agent answers at .*agent\.sock.*start it with elderly-bot run.*\[AGENT_NOT_RUNNING\]/);
  });

  it('runs through a link from a folder with a space and an umlaut', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rö bot '));
    const program = new Program('cli', 'sh', ['-c', `ln -s "${AGENT}" bot && ./bot --version`], process.env, folder);
    assert.equal(await program.exited, 0);
    assert.equal(program.lines.length, 1);
    rmSync(folder, { recursive: true });
  });
});
