// Tests /healthz and /metrics of a running agent with a real Prometheus, and the alert rules and the dashboard of docs/monitoring.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { claimDomain, type RosDomain } from '../../scripts/lab/domain.ts';
import { Program, ROOT } from '../../scripts/lab/program.ts';
import { exposition, Histogram, METRICS, Monitor, type Status } from '../../src/status/index.ts';
import { Bench } from '../support/bench.ts';
import { mosquittoUnavailable } from '../support/mosquitto.ts';
import { freePort } from '../support/ports.ts';
import { RosPeer, rosUnavailable } from '../support/ros.ts';
import { eventually } from '../support/until.ts';

const skip = rosUnavailable() || mosquittoUnavailable();
const skipPromtool = existsSync('/usr/bin/promtool') ? false : 'no promtool: apt-get install prometheus';
const BOOL = 'std_msgs/msg/Bool';
const RULES = join(ROOT, 'docs/monitoring/alerts.yml');

/** @returns the names of this program's metrics in a PromQL text, without the suffixes of histograms. */
const namesIn = (text: string): string[] => [
  ...new Set(
    [...text.matchAll(/\b((?:elderly_bot|process)_[a-z_]+)/g)].map(([, name]) => String(name).replace(/_(bucket|sum|count)$/, '')),
  ),
];

function promtool(args: readonly string[], input = ''): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

describe('rules and dashboard', () => {
  const dashboard = JSON.parse(readFileSync(join(ROOT, 'docs/monitoring/grafana.json'), 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

  it('use only existing metrics, and the dashboard shows nearly all metrics', () => {
    const existing = Object.keys(METRICS);
    assert.deepEqual(
      namesIn(`${readFileSync(RULES, 'utf8')} ${expressions.join(' ')}`).filter((name) => !existing.includes(name)),
      [],
    );
    const missing = existing.filter((name) => !namesIn(expressions.join(' ')).includes(name));
    // elderly_bot_info selects the robot. The panels show the others in another form.
    assert.deepEqual(missing.sort(), [
      'elderly_bot_channel_readings_total',
      'elderly_bot_channel_up',
      'elderly_bot_connects_total',
      'elderly_bot_disk_written_bytes_total',
      'elderly_bot_info',
    ]);
  });

  it('are accepted by Prometheus', { skip: skipPromtool }, () => {
    assert.match(promtool(['check', 'rules', RULES]).text, /SUCCESS: 18 rules found/);
    const asRules = { groups: [{ name: 'dashboard', rules: expressions.map((expr, i) => ({ record: `panel:${i}`, expr })) }] };
    const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-rules-'));
    writeFileSync(join(folder, 'rules.json'), JSON.stringify(asRules).replaceAll('$robot', '.*'));
    const { status, text } = promtool(['check', 'rules', join(folder, 'rules.json')]);
    rmSync(folder, { recursive: true });
    assert.equal(status, 0, text);
  });
});

it('answers 500 and goes on if a metric throws', async (t) => {
  const fail = () => {
    throw new Error('a metric failed');
  };
  const monitor = new Monitor({ listen: '127.0.0.1:0', probe: async () => undefined, metrics: fail, problems: fail });
  const url = `http://${await monitor.start()}`;
  t.after(() => monitor.stop());
  for (const path of ['metrics', 'healthz', 'metrics']) {
    const response = await fetch(`${url}/${path}`);
    assert.deepEqual([response.status, await response.text()], [500, 'a metric failed\n']);
  }
});

describe('health over HTTP', { skip, timeout: 300_000 }, () => {
  let domain: RosDomain;
  let bench: Bench;
  let url: string;
  let status: Status;

  before(async () => {
    domain = await claimDomain();
    bench = await Bench.start();
    writeFileSync(bench.configFile, `${readFileSync(bench.configFile, 'utf8')}health: { listen: "127.0.0.1:0" }\n`);
    const agent = bench.agent();
    url = `http://${String((await agent.event('monitor_listening')).address)}`;
    await agent.event('connected');
    const robot = await RosPeer.start('robot');
    await robot.advertise('/fall_detected', BOOL);
    await robot.matched('/fall_detected');
    await robot.publish('/fall_detected', BOOL, { data: true });
    status = await bench.status(({ delivered }) => delivered.acknowledged_rows > 0);
    await robot.close();
  });

  after(async () => {
    await bench?.stop();
    await domain?.release();
  });

  it('reports that the agent is alive', async () => {
    const response = await fetch(`${url}/healthz`);
    assert.deepEqual([response.status, await response.json()], [200, { alive: true, reason: null, problems: [] }]);
    assert.equal((await fetch(`${url}/healthz`, { method: 'POST' })).status, 405);
    assert.equal((await fetch(`${url}/status`)).status, 404);
  });

  it('contains every metric in a form that promtool accepts', { skip: skipPromtool }, async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const name of Object.keys(METRICS)) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
    assert.match(text, /^elderly_bot_link_up 1$/m);
    assert.match(text, /^elderly_bot_channel_alert\{channel="fall"\} 1$/m);
    assert.match(text, /^elderly_bot_alert_seconds_count\{hop="puback"\} 1$/m);
    const { status: code, text: faults } = promtool(['check', 'metrics'], text);
    assert.deepEqual([code, faults], [0, '']);
  });

  it('escapes any text in a label', () => {
    const problem = { code: 'channel_off', severity: 'error', text: '', remedy: '', since_ms: 0 } as const;
    const facts = { residentBytes: 1, cpuSeconds: 1, openFiles: 1, loopLag: new Histogram().status() };
    const text = exposition({ status: { ...status, problems: [{ ...problem, subject: 'a "b"\\c\nd' }] }, process: facts });
    assert.match(text, /^elderly_bot_problem\{code="channel_off",severity="error",subject="a \\"b\\"\\\\c\\\\nd"\} 1$/m);
  });

  it('can be read by a Prometheus with the alert rules', { skip: skipPromtool }, async () => {
    const folder = join(bench.folder, 'prometheus');
    mkdirSync(folder);
    const target = url.replace('http://', '');
    const config = {
      global: { scrape_interval: '200ms', evaluation_interval: '200ms' },
      rule_files: [RULES],
      scrape_configs: [{ job_name: 'elderly-bot', static_configs: [{ targets: [target] }] }],
    };
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    const args = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`];
    const prometheus = new Program('prometheus', '/usr/bin/prometheus', args);
    const ask = async (path: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined);
      return response ? response.text() : '';
    };
    const answers = (path: string, fits: RegExp) =>
      eventually(
        () => ask(path),
        (text) => fits.test(text),
        `${path} answers ${fits}`,
        { everyMs: 100, explain: () => prometheus.stderr.slice(-1_000) },
      );
    try {
      await answers('query?query=elderly_bot_alert_seconds_count', /"hop":"puback".*"1"\]/);
      await answers('rules', /ElderlyBotSensorSilent.*"health":"ok"/);
      assert.doesNotMatch(await ask('rules'), /"health":"err"/);
    } finally {
      await prometheus.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
