// Alerts that can never fire, on real parts: rclpy publishes danger three times a second to detectors with a wrong entry. The family gets
// an alert about each of them. `config check`, `status` and `doctor` name the reason and the entry to try.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { AGENT } from '../../scripts/lab/program.ts';
import { inWords } from '../../src/config/index.ts';
import { Bench } from '../support/bench.ts';
import { DEAF, UNHEARD } from '../support/deafAlerts.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { Postgres, postgresUnavailable } from '../support/postgres.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable() || postgresUnavailable();

const cases = [
  ...DEAF.map((entry) => ({ ...entry, code: 'channel_unusable' })),
  ...UNHEARD.map((entry) => ({ ...entry, suggestion: null })),
];
const channels = cases.map((each, n) => ({
  ...each,
  name: `detector_${n}`,
  case: each.name,
  topic: `/detector_${n}`,
  isDisabled: each.name === 'an entry with an error',
}));
/** A publisher and a subscription with incompatible QoS do not match. */
const matching = channels.filter(({ code }) => code === 'channel_unusable');

describe('an alert that cannot fire', { skip, timeout: 180_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let postgres: Postgres;
  let database: pg.Client;
  let peer: RosPeer;
  let publishing: NodeJS.Timeout;
  let publishedAt: number;

  before(async () => {
    domain = await claimDomain();
    [bench, postgres] = await Promise.all([Bench.start(), Postgres.start()]);
    const url = await postgres.createDatabase();
    bench.configure(channels.map(({ name, topic, entry }) => `  ${name}: { topic: ${topic}, class: alert, ${entry} }\n`).join(''));
    await bench.cloud({ url });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    peer = await RosPeer.start();
    for (const { topic, type } of channels) await peer.advertise(topic, type);
    await bench.agent().event('connected');
    for (const { topic } of matching) await peer.matched(topic);
    publishedAt = Date.now();
    publishing = setInterval(() => {
      for (const { topic, type, danger } of channels) void peer.publish(topic, type, danger);
    }, 333);
  });

  after(async () => {
    clearInterval(publishing);
    await peer?.close();
    await database?.end();
    await bench?.stop();
    await postgres?.stop();
    await domain?.release();
  });

  for (const { name, case: title } of channels) {
    it(`is an alert of its own in the cloud: ${title}`, async (test) => {
      const query = 'select value, extract(epoch from committed_at) * 1000 as at from alerts where channel = $1';
      const rows = await eventually(
        async () => (await database.query(query, [`${name}_unusable`])).rows,
        (found) => found.length > 0,
        `the alert ${name}_unusable`,
        { patienceMs: 60_000 },
      );
      assert.deepEqual(
        rows.map(({ value }) => value),
        [true],
      );
      test.diagnostic(`stored ${Math.round(Number(rows[0].at) - publishedAt)} ms after the first danger`);
    });
  }

  it('is an error of `config check` before the start, if the entry names the type of the messages', () => {
    const file = join(dirname(bench.configFile), 'typed.yaml');
    const entries = DEAF.map(({ entry, type }, n) => {
      const typed = entry.includes('type:') ? entry.replace('auto', type) : `${entry}, type: ${type}`;
      return `  detector_${n}: { topic: /detector_${n}, class: alert, ${typed} }\n`;
    });
    writeFileSync(file, `channels:\n${entries.join('')}`);
    const { status, stdout } = spawnSync(AGENT, ['config', 'check', '--json', file], { encoding: 'utf8' });
    assert.equal(status, 2);
    const { findings } = JSON.parse(stdout) as { findings: { severity: string; entry: string; suggestion: string | null }[] };
    for (const [n, { name, suggestion }] of DEAF.entries()) {
      const found = findings.find(({ entry }) => entry.startsWith(`channels.detector_${n}`));
      assert.equal(found?.severity, 'error', name);
      assert.notEqual(found.suggestion, null, `${name}: ${suggestion}`);
    }
  });

  it('is listed by `status` with its reason and the entry to try, and status exits with 1', async () => {
    await bench.status(({ problems }) =>
      channels.every(({ name, code }) => problems.some((each) => each.code === code && each.subject === name)),
    );
    const { status, stdout } = spawnSync(AGENT, ['status', '--config', bench.configFile], { encoding: 'utf8', env: bench.robotEnv() });
    assert.equal(status, 1);
    for (const { name, code, reason, suggestion, isDisabled } of channels) {
      const line = stdout.split('\n').find((text) => text.includes(`critical ${code}`) && new RegExp(`\\b${name}\\b`).test(text)) ?? '';
      assert.match(line, reason);
      assert.ok(suggestion === null || line.includes(inWords(suggestion)), line);
      assert.equal(new RegExp(`^alerts .*${name}_unusable`, 'm').test(stdout), !isDisabled, 'a disabled entry has no channel');
    }
  });

  it('is an error of `doctor`', async () => {
    const { stdout } = spawnSync(AGENT, ['doctor', '--json', '--config', bench.configFile], {
      encoding: 'utf8',
      env: bench.robotEnv(),
      maxBuffer: 10_000_000,
    });
    const { checks } = JSON.parse(stdout) as { checks: { code: string; status: string; observed: string }[] };
    for (const { name, reason, isDisabled } of channels) {
      const found = checks.find(({ code }) => code === (isDisabled ? 'configuration' : `channel.${name}`));
      assert.equal(found?.status, 'error', JSON.stringify(found));
      assert.match(String(found?.observed), reason);
    }
  });
});
