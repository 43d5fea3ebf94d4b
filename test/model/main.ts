// Runs random histories of the models for `npm run test:model`. The exit code is 1 if a history fails.
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/base/index.ts';
import { type CampaignReport, MODELS, type ModelName, runCampaign } from './campaign.ts';

const USAGE = `npm run test:model -- [--model ${MODELS.join('|')}|all] [--runs 10000] [--seed S] [--path P] [--json]`;

interface Arguments {
  readonly models: readonly ModelName[];
  readonly runs: number;
  readonly seed: number;
  readonly path: string | undefined;
  readonly json: boolean;
}

function readArguments(): Arguments {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { model: text, runs: text, seed: text, path: text, json: { type: 'boolean' } } });
  const { model = 'all', path, json = false } = values;
  const models = MODELS.filter((name) => model === 'all' || name === model);
  const runs = Number(values.runs ?? 10_000);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  if (models.length === 0) throw new Error(`--model ${model}: expected ${MODELS.join(', ')} or all`);
  if (!Number.isSafeInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: expected a number from 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: expected a whole number`);
  if (path !== undefined && models.length > 1) throw new Error('--path: it requires one --model');
  return { models, runs, seed, path, json };
}

function sum(reports: readonly CampaignReport[], key: 'runs' | 'failures' | 'seconds' | 'steps'): number {
  return Math.round(reports.reduce((total, report) => total + report[key], 0) * 10) / 10;
}

try {
  const { models, runs, seed, path, json } = readArguments();
  const reports: CampaignReport[] = [];
  for (const model of models) {
    process.stderr.write(`${runs} histories of model ${model}, seed ${seed}\n`);
    const { failure, ...report } = await runCampaign({ model, runs, seed, ...(path === undefined ? {} : { path }) });
    if (failure) process.stderr.write(`${failure}\n`);
    reports.push(report);
    if (!json) process.stdout.write(`${model}: ${report.runs} histories in ${report.seconds} s, ${report.failures} failed\n`);
  }
  const [runsDone, failures, seconds, steps] = (['runs', 'failures', 'seconds', 'steps'] as const).map((key) => sum(reports, key));
  if (json) process.stdout.write(`${JSON.stringify({ name: 'model', runs: runsDone, failures, seed, seconds, steps, models: reports })}\n`);
  process.exitCode = failures === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`${messageOf(error)}; ${USAGE}\n`);
  process.exitCode = 2;
}
