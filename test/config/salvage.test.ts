// Tests that an operator can inspect or stop a robot although its configuration file has a mistake.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { salvageConfig } from '../../src/config/index.ts';

const GOOD =
  'thing: anna-1\nstate_dir: /var/lib/anna\nmqtt:\n  endpoint: broker.example:8883\n  cert_file: /keys/anna.pem\n  private_key: /keys/anna.key\n';

/** Aliases of aliases, which would expand to ten million values. */
const BILLION = [
  'a0: &a0 lol\n',
  ...Array.from({ length: 7 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]\n`),
].join('');

describe('a salvaged configuration', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-salvage-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const salvage = (text: string) => {
    const file = join(folder, 'robot.yaml');
    writeFileSync(file, text);
    return salvageConfig(file, {});
  };

  const WRONG: readonly [fault: string, text: string, code: string][] = [
    ['an open bracket at its end', `${GOOD}foo: [\n`, 'CONFIG_SYNTAX'],
    ['a quote that is not closed', `${GOOD}log_level: "debug\n`, 'CONFIG_SYNTAX'],
    ['a key twice', `${GOOD}log_level: info\nlog_level: debug\n`, 'CONFIG_SYNTAX'],
    ['an alias without an anchor', `${GOOD}diagnostics: { name: *lidar }\n`, 'CONFIG_SYNTAX'],
    ['an alias inside its own anchor', `${GOOD}diagnostics: &all { name: *all }\n`, 'CONFIG_SYNTAX'],
    ['too many aliases', `${GOOD}${BILLION}`, 'CONFIG_SYNTAX'],
    ['an unknown key', `${GOOD}foo: 1\n`, 'CONFIG_INVALID'],
    [
      'wrong types everywhere else',
      `${GOOD}outbox: 7\nros:\n  domain_id: many\nlog_level: loud\nchannels: no\ncommands: []\n`,
      'CONFIG_INVALID',
    ],
    ['a wrong command', `${GOOD}commands:\n  wave:\n    tpoic: /wave\n`, 'CONFIG_INVALID'],
  ];

  for (const [fault, text, code] of WRONG) {
    it(`keeps identity, state directory and broker in spite of ${fault}`, () => {
      const { config, invalid } = salvage(text);
      assert.equal(invalid?.code, code);
      assert.equal(config.thing, 'anna-1');
      assert.equal(config.state_dir, '/var/lib/anna');
      assert.equal(config.mqtt.endpoint, 'broker.example:8883');
      assert.equal(config.mqtt.cert_file, '/keys/anna.pem');
    });
  }

  it('is the whole configuration if the file is valid', () => {
    const { config, invalid } = salvage(GOOD);
    assert.equal(invalid, undefined);
    assert.equal(config.thing, 'anna-1');
  });

  it('replaces an invalid value by its default and keeps the others', () => {
    const { config, invalid, repaired } = salvage(`${GOOD.replace('anna-1', '5')}`);
    assert.match(invalid?.message ?? '', /thing is 5/);
    assert.deepEqual(repaired, ['thing']);
    assert.equal(config.state_dir, '/var/lib/anna');
  });

  it('is refused if the file does not exist', () => {
    assert.throws(() => salvageConfig(join(folder, 'none.yaml'), {}), { code: 'CONFIG_NOT_FOUND' });
  });
});
