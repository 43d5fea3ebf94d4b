// Tests the command line: help, completion, versions, mistyped arguments, output streams and exit codes.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { configFlag, quoted } from '../../src/base/index.ts';
import { runWithClosedPipe } from '../support/closedPipe.ts';

const run = (...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(AGENT, args, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }));
  });

const COMMANDS = [
  'run',
  'guard',
  'status',
  'doctor',
  'config',
  'topics',
  'replay',
  'reload',
  'logs',
  'outbox',
  'commands',
  'pair',
  'send',
  'service',
  'certs',
  'simulate',
  'bench',
  'version',
  'completion',
];

describe('the command line', { concurrency: 4, timeout: 300_000 }, () => {
  it('lists every command in --help, with exit codes and examples', async () => {
    const { code, stdout, stderr } = await run('--help');
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of COMMANDS) assert.match(stdout, new RegExp(`^ {2}elderly-bot ${command}\\b`, 'm'));
    assert.match(stdout, /Exit codes: 0 success, 1 failure, 2 a fault that has to be corrected first/);
    assert.match(stdout, /elderly-bot doctor {2,}find out why data is missing/);
  });

  it('completes commands and options for a shell', async () => {
    const script = await run('completion');
    assert.equal(script.code, 0);
    assert.match(script.stdout, /complete .*elderly-bot/);
    const { stdout } = await run('--get-yargs-completions', 'elderly-bot', 'do');
    assert.ok(stdout.split('\n').includes('doctor'), stdout);
  });

  it('prints the versions that a bug report needs, as text and as JSON', async () => {
    const { stdout } = await run('version', '--json');
    const found = JSON.parse(stdout) as Record<string, string | null>;
    assert.equal(found.node, process.versions.node);
    assert.match(String(found['better-sqlite3']), /^\d+\./);
    const { stdout: text } = await run('version');
    for (const name of Object.keys(found)) assert.match(text, new RegExp(`^${name} +\\S`, 'm'));
  });

  it('shows the usage of a command without its argument, and the command that explains it', async () => {
    const missing = [
      [
        ['config'],
        /^elderly-bot: an argument is missing: elderly-bot config <what> \[file\]; elderly-bot config --help describes all arguments\n$/,
      ],
      [['certs', 'import'], /elderly-bot certs import <files\.\.>; elderly-bot certs import --help describes all arguments\n$/],
    ] as const;
    for (const [args, expected] of missing) {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2);
      assert.match(stderr, expected);
    }
  });

  it('refuses a text in place of a number, and a number out of range', async () => {
    const wrong = [
      [['outbox', 'ls', '--limit', 'abc'], '--limit: expected a whole number of at least 1; elderly-bot outbox --help'],
      [['outbox', 'ls', '--limit', '-1'], '--limit: expected a whole number of at least 1'],
      [['commands', 'log', '--limit', '0'], '--limit: expected a whole number of at least 1'],
      [['send', 'ping', '--ttl', 'abc'], '--ttl: expected a whole number of at least 1'],
      [['bench', '--seconds', '601'], '--seconds: expected a whole number from 1 to 600'],
      [['certs', 'verify', '--timeout', '1.5'], '--timeout: expected a whole number from 1 to 3600'],
    ] as const;
    for (const [args, expected] of wrong) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.ok(stderr.startsWith(`elderly-bot: ${expected}`), stderr);
    }
  });

  it('refuses an option that is given twice, except one that takes several values', async () => {
    const twice = [
      [['status', '--config', 'a', '--config', 'b'], '--config: given twice; elderly-bot status --help'],
      [['status', '-c', 'a', '--config', 'b'], '--config: given twice'],
      [['outbox', 'ls', '--class', 'alert', '--class', 'event'], '--class: given twice; elderly-bot outbox --help'],
      [['outbox', 'ls', '--state', 'sent', '--state', 'pending'], '--state: given twice'],
      [['certs', 'init', '--out', 'a', '--out', 'b'], '--out: given twice; elderly-bot certs init --help'],
      [['certs', 'dev-ca', 'x', '--host', 'a', '--host', 'b', '--thing', 'a', '--thing', 'b'], '--thing: given twice'],
      [['config', 'init', 'x', '--thing', 'a', '--thing', 'b'], '--thing: given twice'],
      [['status', '--config.a', 'b'], 'Unknown argument: config.a'],
    ] as const;
    for (const [args, expected] of twice) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.ok(stderr.startsWith(`elderly-bot: ${expected}`), stderr);
      assert.equal(stderr.split('\n').length, 2, stderr);
    }
  });

  it('reports in one line a file in place of a folder, and a current folder that was deleted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-line-'));
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const [reason, ...args] of [
      ['file: EEXIST: .*; it already exists: give another path', 'certs', 'dev-ca', file],
      ['file/certs: ENOTDIR: .*; a part of the path is a file', 'bench', 'mosquitto', file],
    ] as const) {
      const { code, stdout, stderr } = await run(...args);
      assert.deepEqual([code, stdout], [2, ''], stderr);
      assert.match(stderr, new RegExp(`^elderly-bot: .*${reason}\n$`));
    }
    rmSync(folder, { recursive: true });
    const script = `mkdir ${folder} && cd ${folder} && rmdir ${folder} && exec ${AGENT} status`;
    const deleted = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
      execFile('sh', ['-c', script], (error, _, stderr) => resolve({ code: error?.code, stderr }));
    });
    assert.equal(deleted.code, 2);
    // The shell may report the folder too.
    assert.match(deleted.stderr, /^(sh: .*getcwd.*\n)?elderly-bot: the current folder was deleted; change to another folder with cd\n$/);
  });

  it('replays a record from standard input', async () => {
    const readings = [true, false].map((value, i) =>
      JSON.stringify({ at: i * 1_000, channel: 'gas', value, alert: value ? 'raised' : 'cleared' }),
    );
    const program = new Program('replay', AGENT, ['replay', '-', '--json']);
    for (const line of readings) program.order(line);
    program.endOrders();
    assert.ok([0, 1].includes((await program.exited) ?? -1), program.stderr);
    assert.deepEqual([program.lines.length, program.stderr], [1, '']);
    assert.match(JSON.stringify(program.lines), /"channel":"gas"/);
    const invalid = new Program('replay', AGENT, ['replay', '-']);
    invalid.order('gas');
    invalid.endOrders();
    assert.equal(await invalid.exited, 2);
    assert.match(invalid.stderr, /^elderly-bot: -:1: not JSON; /);
  });

  it('ends status --watch with 0 when the reader of the pipe ends', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-line-'));
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, `state_dir: ${folder}\n`);
    assert.deepEqual(await runWithClosedPipe('status', '--watch', '--config', file), [0, '']);
    rmSync(folder, { recursive: true });
  });

  it('quotes a path in a printed command as one word of a shell', () => {
    for (const path of ['/etc/robot.yaml', '/home/me/my röbot/it’s.yaml', "a'b", '~/x', '$HOME', '-'])
      assert.equal(execFileSync('sh', ['-c', `printf %s ${quoted(path)}`], { encoding: 'utf8' }), path);
    assert.equal(configFlag('my robot.yaml'), " --config 'my robot.yaml'");
    assert.equal(configFlag('robot.yaml'), ' --config robot.yaml');
  });

  it('warns about defaults that each robot needs its own value for, and reports an invalid file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-line-'));
    const written = (text: string) => {
      writeFileSync(join(folder, 'my robot.yaml'), text);
      return join(folder, 'my robot.yaml');
    };
    const empty = await run('config', 'check', written(''));
    assert.equal(empty.code, 0);
    assert.match(
      empty.stderr,
      /^elderly-bot: the file does not set thing \(elderly-bot\) and mqtt\.endpoint \(localhost.*\): this is the default/,
    );
    const given = await run('config', 'check', written('thing: kitchen\nmqtt: { endpoint: broker.example }\n'));
    assert.deepEqual([given.code, given.stderr], [0, '']);
    const wrong = await run('config', 'show', written('thing: 5\n'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /configuration is invalid: elderly-bot config check --config '.*my robot\.yaml' lists the faults\n$/);
    const none = await run('commands', 'log', '--config', written(`state_dir: ${join(folder, 'none')}\n`));
    assert.equal(none.code, 2);
    assert.match(none.stderr, /there is no outbox in state_dir .*none; .*\[OUTBOX_MISSING\]/);
    rmSync(folder, { recursive: true });
  });

  it('suggests a command for a mistyped one, on stderr, with exit code 2', async () => {
    const { code, stdout, stderr } = await run('docter');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /Did you mean doctor\?/);
  });

  it('ends with exit code 2 and prints the error code if a fault has to be corrected', async () => {
    const { code, stdout, stderr } = await run('status', '--config', 'none.yaml');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^elderly-bot: configuration .*none\.yaml: no such file; .* \[CONFIG_NOT_FOUND\]\n$/);
  });
});
