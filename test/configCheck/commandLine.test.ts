// Tests the output and the exit codes of `elderly-bot config check`.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGENT } from '../../scripts/lab/program.ts';
import { skip } from './checked.ts';

describe('elderly-bot config check', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-check-line-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const check = async (yaml: string, env: NodeJS.ProcessEnv = {}, ...options: string[]) => {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, `thing: kitchen\nmqtt: { endpoint: broker.example }\n${yaml}`);
    const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(AGENT, ['config', 'check', file, ...options], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
      );
    });
    return { code, stdout: stdout.replaceAll(file, 'F'), stderr: stderr.replaceAll(file, 'F') };
  };

  it('refuses an alert that can never be raised, with its position and a line that works', { skip }, async () => {
    const { code, stdout, stderr } = await check('channels:\n  gas:\n    alert_when: "== 1"\n');
    assert.deepEqual([code, stdout], [2, '']);
    assert.equal(
      stderr,
      'elderly-bot: F:5:5: channels.gas: the value is a boolean (bool), which alert_when "== 1" can never match; this line works: alert_when: true [CONFIG_INVALID]\n',
    );
  });

  it('warns about an inherited scale and accepts the file', { skip }, async () => {
    const { code, stdout, stderr } = await check('channels: { battery: { class: alert, alert_when: "< 0.15" } }\n');
    assert.equal(code, 0);
    assert.match(stdout, /^F is valid: channels gas, /);
    assert.match(stderr, /^elderly-bot: warning: F:3:38: channels\.battery: .*; this line works: alert_when: "< 15"\n$/);
  });

  it('prints JSON', { skip }, async () => {
    const { code, stdout } = await check('channels: { gas: { field: state }, door: { topic: /door } }\n', {}, '--json');
    assert.equal(code, 2);
    assert.deepEqual(JSON.parse(stdout), {
      file: 'F',
      valid: false,
      findings: [
        {
          severity: 'error',
          place: 'F:3:20',
          entry: 'channels.gas',
          reason: 'std_msgs/msg/Bool: the message has no field "state"; it has data',
          suggestion: 'field: data',
          command: null,
        },
      ],
      unchecked: [{ entry: 'channels.door', reason: 'type: auto selects the type of the publishers, which is known only at run time' }],
      definitions: true,
    });
  });

  it('prints the faults of the schema as JSON', async () => {
    const { code, stdout } = await check('channels: { gas: { class: alarm } }\n', {}, '--json');
    const { valid, findings } = JSON.parse(stdout);
    assert.deepEqual([code, valid, findings.length], [2, false, 1]);
    assert.deepEqual([findings[0].place, findings[0].entry], ['F:3:20', 'channels.gas.class']);
  });

  it('reports in one line which parts it could not check without message definitions', async () => {
    const { code, stdout } = await check('', { AMENT_PREFIX_PATH: '/none' });
    assert.equal(code, 0);
    assert.match(stdout, /\nnot checked, because this machine has no ROS message definitions: types, fields and conditions of .*\n$/);
  });
});
