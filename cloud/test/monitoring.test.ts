// /healthz and /metrics tell the truth, and docs/monitoring uses them: rules and dashboard are checked by a real promtool.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Api } from './support/api.ts';
import { onEachDatabase } from './support/databases.ts';

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url));
const RULES = join(DOCS, 'monitoring/cloud-alerts.yml');
const NO_PROMTOOL = !existsSync('/usr/bin/promtool') && 'skipped: promtool is not installed (apt-get install prometheus)';

interface Dashboard {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
}

const dashboard = JSON.parse(readFileSync(join(DOCS, 'monitoring/cloud-grafana.json'), 'utf8')) as Dashboard;
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

/** @returns the names of the metrics in a PromQL text, without the suffixes of histograms. */
function namesIn(text: string): string[] {
  const names = [...text.matchAll(/\b((?:elderly_bot_cloud|process|nodejs)_[a-z0-9_]+)/g)];
  return [...new Set(names.map(([, name]) => String(name).replace(/_(bucket|sum|count)$/, '')))].sort();
}

function promtool(args: readonly string[], input = ''): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

onEachDatabase('monitoring', (db) => {
  test('the page lists exactly the metrics, and the rules and the dashboard use only these', async () => {
    const api = await Api.open(db());
    const text = String((await api.ask('GET', '/metrics')).body);
    await api.close();
    const own = [...text.matchAll(/^# HELP (elderly_bot_cloud_\w+) (.*)\n# TYPE \w+ (\w+)$/gm)];
    const listed = readFileSync(join(DOCS, 'reference/cloud-metrics.md'), 'utf8').matchAll(
      /^\| `(elderly_bot_cloud_\w+)` \| (\w+) \| [^|]* \| (.*) \|$/gm,
    );
    assert.deepEqual(
      [...listed].map(([, name, type, help]) => [name, type, help]).sort(),
      own.map(([, name, help, type]) => [name, type, help]).sort(),
    );
    const existing = new Set([...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
    const used = namesIn(`${readFileSync(RULES, 'utf8')} ${expressions.join(' ')}`);
    assert.deepEqual(
      used.filter((name) => !existing.has(name)),
      [],
    );
    const shown = namesIn(expressions.join(' '));
    assert.deepEqual(
      own.map(([, name]) => name).filter((name) => !shown.includes(String(name))),
      [],
    );
  });

  test('promtool accepts the metrics', { skip: NO_PROMTOOL }, async () => {
    const api = await Api.open(db());
    await api.ask('GET', '/healthz');
    const { body } = await api.ask('GET', '/metrics');
    await api.close();
    const own = String(body)
      .split('\n')
      .filter((line) => line.includes('elderly_bot_cloud_'))
      .join('\n');
    assert.deepEqual(promtool(['check', 'metrics'], `${own}\n`), { status: 0, text: '' });
  });
});

describe('rules and dashboard', { skip: NO_PROMTOOL }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'elderly-bot-cloud-rules-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  test('are accepted by Prometheus', () => {
    assert.match(promtool(['check', 'rules', RULES]).text, /SUCCESS: 17 rules found/);
    const rules = expressions.map((expr, i) => ({ record: `panel:${i}`, expr: expr.replaceAll('$instance', '.*') }));
    writeFileSync(join(folder, 'panels.json'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { status, text } = promtool(['check', 'rules', join(folder, 'panels.json')]);
    assert.equal(status, 0, text);
  });

  test('fire if an instance is down or at fault, the ingest waits, robots fall silent together, or numbers run out', () => {
    const instance = { instance: 'a' };
    const series = (name: string, labels: Record<string, string>, values: string): { series: string; values: string } => {
      const pairs = Object.entries({ ...labels, ...instance }).map(([label, value]) => `${label}="${value}"`);
      return { series: `${name}{${pairs.join(',')}}`, values };
    };
    const job = { job: 'elderly-bot-cloud' };
    const input_series = [
      series('up', job, '1x5 0x30'),
      series('elderly_bot_cloud_fault', { code: 'database_full' }, '_x5 1x30'),
      series('elderly_bot_cloud_queue_oldest_seconds', {}, '0x5 90x30'),
      series('elderly_bot_cloud_silent_robots', {}, '2x10 40x20'),
      series('elderly_bot_cloud_sequence_used', { sequence: 'alerts_id_seq' }, '0.6x35'),
      series('elderly_bot_cloud_database_errors_total', { pool: 'ingest', code: '53100' }, '0+3x35'),
      series('elderly_bot_cloud_database_errors_total', { pool: 'ingest', code: '23505' }, '0+3x35'),
      series('elderly_bot_cloud_messages_total', { kind: 'rows' }, '0+600x35'),
    ];
    const fires = (alertname: string, eval_time: string, severity: string, labels?: Record<string, string>): object => ({
      alertname,
      eval_time,
      exp_alerts: labels ? [{ exp_labels: { severity, ...instance, ...labels }, exp_annotations: {} }] : [],
    });
    const alert_rule_test = [
      fires('CloudDown', '5m', 'critical'),
      fires('CloudDown', '9m', 'critical', job),
      fires('CloudFault', '8m', 'critical', { code: 'database_full' }),
      fires('CloudQueueWaits', '5m', 'critical'),
      fires('CloudQueueWaits', '8m', 'critical', {}),
      fires('CloudManySilent', '8m', 'critical'),
      fires('CloudManySilent', '12m', 'critical', {}),
      fires('CloudSequence', '1m', 'warning', { sequence: 'alerts_id_seq' }),
      fires('CloudDatabaseErrors', '12m', 'warning', { pool: 'ingest', code: '53100' }),
      fires('CloudNearQuota', '30m', 'warning'),
    ];
    // The texts are not compared.
    const rules = readFileSync(RULES, 'utf8').replaceAll(/^ {8}annotations:\n(?: {10}.*\n)+/gm, '');
    writeFileSync(join(folder, 'rules.yml'), rules);
    writeFileSync(
      join(folder, 'test.json'),
      JSON.stringify({
        rule_files: [join(folder, 'rules.yml')],
        evaluation_interval: '1m',
        tests: [{ interval: '1m', input_series, alert_rule_test }],
      }),
    );
    const { status, text } = promtool(['test', 'rules', join(folder, 'test.json')]);
    assert.equal(status, 0, text);
  });
});
