// The command line itself: help, completion, versions, what is mistyped; where its output goes, and with which code it ends.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { AGENT } from '../support/program.ts';

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
  'send',
  'service',
  'certs',
  'simulate',
  'bench',
  'version',
  'completion',
];

describe('the command line', { concurrency: 4, timeout: 60_000 }, () => {
  it('lists every command in --help, with exit codes and examples', async () => {
    const { code, stdout, stderr } = await run('--help');
    assert.deepEqual([code, stderr], [0, '']);
    for (const command of COMMANDS) assert.match(stdout, new RegExp(`^ {2}elderly-bot ${command}\\b`, 'm'));
    assert.match(stdout, /Exit codes: 0 done, 1 it failed, 2 something has to be mended first/);
    assert.match(stdout, /elderly-bot doctor {2,}why is it silent\?/);
  });

  it('completes commands and options for a shell', async () => {
    const script = await run('completion');
    assert.equal(script.code, 0);
    assert.match(script.stdout, /complete .*elderly-bot/);
    const { stdout } = await run('--get-yargs-completions', 'elderly-bot', 'do');
    assert.ok(stdout.split('\n').includes('doctor'), stdout);
  });

  it('says the versions a bug report needs, for a program too', async () => {
    const { stdout } = await run('version', '--json');
    const found = JSON.parse(stdout) as Record<string, string | null>;
    assert.equal(found.node, process.versions.node);
    assert.match(String(found['better-sqlite3']), /^\d+\./);
    const { stdout: text } = await run('version');
    for (const name of Object.keys(found)) assert.match(text, new RegExp(`^${name} +\\S`, 'm'));
  });

  it('guesses what was meant, on stderr, with code 2', async () => {
    const { code, stdout, stderr } = await run('docter');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /Did you mean doctor\?/);
  });

  it('ends with 2 and an error’s code where something has to be mended', async () => {
    const { code, stdout, stderr } = await run('status', '--config', 'none.yaml');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^elderly-bot: configuration .*none\.yaml: no such file; .* \[CONFIG_NOT_FOUND\]\n$/);
  });
});
