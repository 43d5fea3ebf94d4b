// `npm run faults -- NAME` repeats one kind of damage and counts lost and doubled rows. Progress goes to stderr; with --json the last line
// of stdout is one object. It exits with 1 after a failure, and with 2 for a wrong command line or a missing part.

import { UsageError } from '../support/commandLine.ts';
import type { Campaign, Outcome } from './campaign.ts';
import { CAMPAIGNS } from './campaigns/index.ts';
import { type Options, readOptions } from './options.ts';
import { seeded } from './random.ts';

const EXAMPLES = 10;
const EXAMPLE_CHARACTERS = 300;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function help(): string {
  const campaigns = CAMPAIGNS.map(({ name, what, defaultRuns, defaultForMs }) => {
    const amount = defaultForMs === undefined ? `${defaultRuns} runs` : `for ${defaultForMs / 60_000} minutes (--for 90s, 30m or 2h)`;
    return `  ${name.padEnd(10)} ${what}; ${amount}`;
  });
  return ['npm run faults -- NAME [--runs N, or --each N] [--seed S] [--only KIND,KIND] [--json]', ...campaigns].join('\n');
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(`${help()}\n`);
    return 0;
  }
  let options: Options;
  try {
    options = readOptions(
      args,
      CAMPAIGNS.map(({ name }) => name),
    );
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`faults: ${error.message}`);
    return 2;
  }
  const campaign = CAMPAIGNS.find(({ name }) => name === options.name);
  if (!campaign) return 2;
  const goesByTime = campaign.defaultForMs !== undefined;
  if (goesByTime ? options.runs !== undefined : options.forMs !== undefined) {
    say(`faults: ${campaign.name} goes by ${goesByTime ? 'time: --for 30m, not --runs' : 'runs: --runs N, not --for'}`);
    return 2;
  }
  const { kinds = [] } = campaign;
  const wrong = options.only?.find((kind) => !kinds.includes(kind));
  if (wrong !== undefined) {
    const has = kinds.length === 0 ? `${campaign.name} has no kinds to choose from` : `${campaign.name} has: ${kinds.join(', ')}`;
    say(`faults: --only ${wrong}: ${has}`);
    return 2;
  }
  const missing = campaign.missing();
  if (missing) {
    say(`faults: ${campaign.name} can't run here: ${missing}`);
    return 2;
  }
  return runOne(campaign, options);
}

async function runOne(
  campaign: Campaign,
  { runs = campaign.defaultRuns, forMs = campaign.defaultForMs ?? 0, seed, only, json }: Options,
): Promise<number> {
  const startedMs = performance.now();
  const amount = forMs > 0 ? `${forMs / 1000} s` : `${runs} runs`;
  say(`faults ${campaign.name}: ${campaign.what} (${amount}, seed ${seed})`);
  let outcome: Outcome;
  try {
    outcome = await campaign.run({ runs, forMs, only, random: seeded(seed), say: (text) => say(`  ${text}`) });
  } catch (reason) {
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    outcome = { runs, lost: 0, doubled: 0, failures: [`the campaign broke off: ${text}`], figures: { completed: false } };
  }
  const { lost, doubled, failures, figures } = outcome;
  for (const failure of failures) say(`  FAILED: ${failure}`);
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const told = { name: campaign.name, runs: outcome.runs, lost, doubled, failures: failures.length, seed, seconds, ...figures };
  say(`faults ${campaign.name}: ${lost} lost, ${doubled} doubled, ${failures.length} failures in ${seconds} s`);
  if (json)
    process.stdout.write(
      `${JSON.stringify({ ...told, examples: failures.slice(0, EXAMPLES).map((text) => text.slice(0, EXAMPLE_CHARACTERS)) })}\n`,
    );
  return lost + doubled + failures.length === 0 ? 0 : 1;
}

// The programs of a campaign have sessions of their own and end with this process only if it exits.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    say(`faults: ended by ${signal}`);
    process.exit(code);
  });
}
process.exitCode = await main(process.argv.slice(2));
