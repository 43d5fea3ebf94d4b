// Compares the messages for the invalid configurations test/config/bad/NAME.yaml with NAME.txt, word for word. After a change of a text
// run UPDATE_SNAPSHOTS=1 node scripts/test.mjs test/config/bad.test.ts, and read the difference.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AGENT, Program } from '../../scripts/lab/program.ts';
import { configJsonSchema, effectiveConfig, loadConfig } from '../../src/config/index.ts';
import { AgentError } from '../../src/errors.ts';

const FOLDER = fileURLToPath(new URL('bad/', import.meta.url));
const NAMES = readdirSync(FOLDER).flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []));

function messageOf(name: string): string {
  try {
    loadConfig(join(FOLDER, `${name}.yaml`), {});
  } catch (error) {
    assert.ok(error instanceof AgentError);
    return `${error.line}\n`.replaceAll(FOLDER, '');
  }
  return assert.fail('the configuration was accepted');
}

describe('the schema for editors', () => {
  it('equals config/config.schema.json, which bin/elderly-bot config schema > config/config.schema.json updates', () => {
    const file = new URL('../../config/config.schema.json', import.meta.url);
    assert.equal(readFileSync(file, 'utf8'), `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
  });
});

describe('the effective configuration', () => {
  it('lists each value with its origin', () => {
    const values = effectiveConfig(join(FOLDER, '../../../config/robot.example.yaml'), { AWS_IOT_ENDPOINT: 'broker.example' });
    const effective = (key: string) => values.find((value) => value.key === key);
    assert.deepEqual(effective('mqtt.endpoint'), { key: 'mqtt.endpoint', value: 'broker.example', from: 'AWS_IOT_ENDPOINT' });
    assert.deepEqual(effective('mqtt.window'), { key: 'mqtt.window', value: 20, from: 'default' });
    assert.match(String(effective('thing')?.from), /config\/robot\.example\.yaml:3:1$/);
    assert.equal(effective('channels.stranger.topic'), undefined);
  });
});

describe('an invalid configuration', () => {
  it('has at least forty examples', () => assert.ok(NAMES.length >= 40, `${NAMES.length}`));

  for (const name of NAMES) {
    it(`prints the text of bad/${name}.txt`, () => {
      const file = join(FOLDER, `${name}.txt`);
      if (process.env.UPDATE_SNAPSHOTS) writeFileSync(file, messageOf(name));
      assert.equal(messageOf(name), readFileSync(file, 'utf8'));
    });
  }

  it('makes the command line print the text on stderr and exit with code 2', async () => {
    for (const name of ['several-at-once', 'tabs', 'min-above-max']) {
      const check = new Program('check', AGENT, ['config', 'check', join(FOLDER, `${name}.yaml`)]);
      assert.equal(await check.exited, 2);
      assert.equal(
        check.stderr
          .replaceAll(FOLDER, '')
          .replace('elderly-bot: ', '')
          .replace(/ \[CONFIG_\w+\]/, ''),
        messageOf(name),
      );
    }
  });
});
