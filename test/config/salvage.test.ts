// A mistake in the file does not blind whoever looks at a robot, or stops it.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { salvageConfig } from '../../src/config/index.ts';

const GOOD =
  'thing: anna-1\nstate_dir: /var/lib/anna\nmqtt:\n  endpoint: broker.example:8883\n  cert_file: /keys/anna.pem\n  private_key: /keys/anna.key\n';

describe('what is salvaged of a wrong configuration', () => {
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

  const WRONG: readonly [what: string, text: string, code: string][] = [
    ['an open bracket after it', `${GOOD}foo: [\n`, 'CONFIG_SYNTAX'],
    ['a quote that is not closed', `${GOOD}log_level: "debug\n`, 'CONFIG_SYNTAX'],
    ['a key twice', `${GOOD}log_level: info\nlog_level: debug\n`, 'CONFIG_SYNTAX'],
    ['an unknown key', `${GOOD}foo: 1\n`, 'CONFIG_INVALID'],
    [
      'wrong types everywhere else',
      `${GOOD}outbox: 7\nros:\n  domain_id: many\nlog_level: loud\nchannels: no\ncommands: []\n`,
      'CONFIG_INVALID',
    ],
    ['a wrong command', `${GOOD}commands:\n  wave:\n    tpoic: /wave\n`, 'CONFIG_INVALID'],
  ];

  for (const [what, text, code] of WRONG) {
    it(`is who and where it is, of ${what}`, () => {
      const { config, wrong } = salvage(text);
      assert.equal(wrong?.code, code);
      assert.equal(config.thing, 'anna-1');
      assert.equal(config.state_dir, '/var/lib/anna');
      assert.equal(config.mqtt.endpoint, 'broker.example:8883');
      assert.equal(config.mqtt.cert_file, '/keys/anna.pem');
    });
  }

  it('is all of a good one, and nothing is wrong', () => {
    const { config, wrong } = salvage(GOOD);
    assert.equal(wrong, undefined);
    assert.equal(config.thing, 'anna-1');
  });

  it('is a default where it is itself what is wrong, and the rest as given', () => {
    const { config, wrong, mended } = salvage(`${GOOD.replace('anna-1', '5')}`);
    assert.match(wrong?.message ?? '', /thing is 5/);
    assert.deepEqual(mended, ['thing']);
    assert.equal(config.state_dir, '/var/lib/anna');
  });

  it('is nothing where there is no such file', () => {
    assert.throws(() => salvageConfig(join(folder, 'none.yaml'), {}), { code: 'CONFIG_NOT_FOUND' });
  });
});
