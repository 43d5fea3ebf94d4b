// `npm run test:api-fuzz -- [--examples 1000] [--seed S] [--json]` runs schemathesis against /openapi.json of the cloud on PostgreSQL, with
// the given number of examples per route and all checks except those named here. It exits with 1 after a finding or an answer of 5xx.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT } from '../../scripts/lab/program.ts';
import { messageOf } from '../../src/base/index.ts';
import { startFuzzedCloud } from './cloud.ts';

const USAGE = 'npm run test:api-fuzz -- [--examples 1000] [--seed S] [--json]';
const VERSION = '4.32.5';
const VENV = join(ROOT, '.setup', `schemathesis-${VERSION}`);
const PROGRAM = join(VENV, 'bin', 'schemathesis');
const HOOKS = fileURLToPath(new URL('hooks.py', import.meta.url));
const CONFIG = fileURLToPath(new URL('schemathesis.toml', import.meta.url));

/** One worker: the parser of Python 3.11 sometimes fails in several threads (AST constructor recursion depth mismatch). */
const WORKERS = '1';

/** A stream has no end. cloud/test/stream.test.ts tests it. */
const LEFT_OUT_ROUTES = ['/telemetry/stream'];
/** schemathesis.toml lists the exceptions with their reasons. */
const LEFT_OUT_CHECK = 'positive_data_acceptance of 5 routes';

function readArguments(): { examples: number; seed: number; json: boolean } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { examples: text, seed: text, json: { type: 'boolean' } } });
  const examples = Number(values.examples ?? 1_000);
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  if (!Number.isSafeInteger(examples) || examples < 1) throw new Error(`--examples ${values.examples}: expected a number from 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: expected a whole number`);
  return { examples, seed, json: values.json ?? false };
}

function install(): void {
  if (existsSync(PROGRAM)) return;
  process.stderr.write(`schemathesis ${VERSION} goes to ${VENV} ...\n`);
  rmSync(VENV, { recursive: true, force: true });
  try {
    execFileSync('python3', ['-m', 'venv', VENV], { stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync(join(VENV, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    rmSync(VENV, { recursive: true, force: true });
    throw new Error(`schemathesis can't be installed: ${messageOf(error)}; Python 3.10 with venv and PyPI are needed`, { cause: error });
  }
}

async function main(): Promise<number> {
  const { examples, seed, json } = readArguments();
  install();
  const cloud = await startFuzzedCloud();
  const folder = mkdtempSync(join(tmpdir(), 'elderly-bot-api-fuzz-'));
  const startedMs = performance.now();
  process.stderr.write(
    `${examples} examples a route, seed ${seed}; left out: ${[...LEFT_OUT_ROUTES, LEFT_OUT_CHECK, 'rate limits'].join(', ')}\n`,
  );
  try {
    const what = ['--config-file', CONFIG, 'run', `${cloud.url}/openapi.json`];
    const how = ['--max-examples', String(examples), '--seed', String(seed), '--workers', WORKERS];
    const out = LEFT_OUT_ROUTES.flatMap((route) => ['--exclude-path', route]);
    const more = ['--continue-on-failure', '--generation-database', 'none', '--suppress-health-check', 'all', '--no-color'];
    const env = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      SCHEMATHESIS_HOOKS: HOOKS,
      FUZZ_USER_TOKEN: cloud.userToken,
      FUZZ_DEVICE_TOKENS: cloud.deviceTokens,
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const child = spawn(PROGRAM, [...what, ...how, ...out, ...more], { cwd: folder, env, stdio: ['ignore', 2, 2] });
    // The code below also stops the database and the store.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
    const [code] = (await once(child, 'exit')) as [number | null];
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    for (const failure of cloud.failures.slice(0, 20)) process.stderr.write(`${failure}\n`);
    const answers = Object.values(cloud.answers).flatMap((statuses) => Object.values(statuses));
    const passed = code === 0 && cloud.failures.length === 0;
    process.stderr.write(
      `${answers.reduce((sum, count) => sum + count, 0)} answers, ${cloud.failures.length} of them 5xx, in ${seconds} s\n`,
    );
    if (json)
      process.stdout.write(
        `${JSON.stringify({ name: 'api-fuzz', examples, seed, seconds, passed, server_errors: cloud.failures.length, answers: cloud.answers })}\n`,
      );
    return passed ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await cloud.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n${USAGE}\n`);
  process.exitCode = 2;
}
