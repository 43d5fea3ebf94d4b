// Runs random histories of one model. Reports the shortest history that fails, and the command that replays it.
import fc from 'fast-check';
import { messageOf } from '../../src/base/index.ts';
import { flappingProperty } from './flapping.ts';
import { outboxProperty } from './outbox.ts';
import { receiptsProperty } from './receipts.ts';
import { RobotFolder } from './robot.ts';
import { sensingProperty } from './sensing.ts';

export const MODELS = ['outbox', 'receipts', 'sensing', 'flapping'] as const;
export type ModelName = (typeof MODELS)[number];

export interface Campaign {
  readonly model: ModelName;
  readonly runs: number;
  readonly seed: number;
  /** fast-check's path to a failing, shortened history. Only this history runs. */
  readonly path?: string;
}

export interface CampaignReport {
  readonly model: ModelName;
  readonly runs: number;
  readonly failures: number;
  readonly seed: number;
  readonly seconds: number;
  readonly steps: number;
  /** A text for a person: the error, the shortest history that fails, and the command that replays it. */
  readonly failure?: string;
}

export async function runCampaign({ model, runs, seed, path }: Campaign): Promise<CampaignReport> {
  const folder = new RobotFolder();
  const startedMs = performance.now();
  let steps = 0;
  try {
    const property = PROPERTIES[model](folder, (count) => {
      steps += count;
    });
    const details = await fc.check(property as fc.IRawProperty<[unknown]>, {
      numRuns: runs,
      seed,
      ...(path === undefined ? {} : { path }),
    });
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    const report = { model, runs: details.numRuns, failures: details.failed ? 1 : 0, seed, seconds, steps };
    return details.failed ? { ...report, failure: describe(model, details) } : report;
  } finally {
    folder.remove();
  }
}

const PROPERTIES = { outbox: outboxProperty, receipts: receiptsProperty, sensing: sensingProperty, flapping: flappingProperty };

function describe(model: ModelName, { errorInstance, counterexample, counterexamplePath, seed }: fc.RunDetails<[unknown]>): string {
  const error = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : messageOf(errorInstance);
  const [history] = counterexample ?? [];
  const { steps = [], ...rest } = Array.isArray(history) ? { steps: history as unknown[] } : (history as { steps?: unknown[] });
  const lines = [...steps.map((step) => `  ${JSON.stringify(step)}`), ...('seed' in rest ? [`  with chance ${rest.seed}`] : [])];
  const replay = `npm run test:model -- --model ${model} --runs 1 --seed ${seed} --path ${counterexamplePath}`;
  return [`model ${model}: ${error}`, 'The shortest history that fails:', ...lines, `Replay: ${replay}`].join('\n');
}
