// `npm run bench -- NAME` measures, compares with usual programs in the same run, and judges. Progress goes to stderr; with --json the last
// lines of stdout are one object per bench. It exits with 1 if a target is missed, and with 2 for a wrong command line.
import { loadavg } from 'node:os';
import { UsageError } from '../support/commandLine.ts';
import type { Bench } from './bench.ts';
import { BENCHES } from './benches/index.ts';
import { type Judged, judge, rounded } from './figures.ts';
import { type Options, readOptions } from './options.ts';
import { Rig } from './rig.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(
      args,
      BENCHES.map(({ name }) => name),
    );
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`bench: ${error.message}`);
    return 2;
  }
  if (!process.env.AMENT_PREFIX_PATH) {
    say('bench: no ROS 2 environment: start it as `npm run bench -- NAME`, or through bin/with-ros');
    return 2;
  }
  const results: { readonly met: boolean; readonly line: string }[] = [];
  for (const name of options.names) {
    const bench = BENCHES.find((each) => each.name === name);
    if (bench) results.push(await runOne(bench, options));
  }
  if (options.json) for (const { line } of results) process.stdout.write(`${line}\n`);
  return results.every(({ met }) => met) ? 0 : 1;
}

async function runOne(bench: Bench, options: Options): Promise<{ met: boolean; line: string }> {
  const { rounds, seed, slowFsyncUs } = options;
  const startedMs = performance.now();
  say(`bench ${bench.name}: ${bench.what} (${rounds} rounds, seed ${seed})`);
  const load = loadavg()[0] ?? 0;
  let figures: Readonly<Record<string, unknown>> = {};
  let targets: Judged[] = [];
  let error: string | undefined;
  const rig = await Rig.start();
  try {
    const findings = await bench.run({ rig, rounds, seed, slowFsyncUs, say: (text) => say(`  ${text}`) });
    figures = findings.figures;
    targets = findings.targets.map(judge);
  } catch (reason) {
    error = reason instanceof Error ? reason.message : String(reason);
    say(`bench ${bench.name} failed: ${error}`);
  } finally {
    await rig.stop();
  }
  const met = error === undefined && targets.every((target) => target.met);
  for (const { name, value, atMost, atLeast, met: one } of targets) {
    say(
      `  ${one ? 'met' : 'MISSED'}: ${name} = ${value.toPrecision(3)} (${atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`})`,
    );
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const told = rounded({ bench: bench.name, met, targets, figures, rounds, seed, load_before: load, seconds });
  return { met, line: JSON.stringify(error === undefined ? told : { ...(told as object), error }) };
}

process.exitCode = await main(process.argv.slice(2));
