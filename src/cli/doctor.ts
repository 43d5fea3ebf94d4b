// `elderly-bot doctor`: finds what is wrong with this robot, causes first, each with its remedy and a command to type.
import { exitCodeOf } from '../base/index.ts';
import type { Remap } from '../config/index.ts';
import { checksFor, examine } from '../doctor/index.ts';
import { printed } from './doctorReport.ts';
import { painter, progress } from './terminal.ts';

export interface DoctorOptions {
  readonly json: boolean;
  /** Also shows the checks that found nothing. */
  readonly all: boolean;
  readonly remap: Remap;
}

/** @returns 0: nothing to do; 1: problems; 2: a check could not be carried out. */
export async function doctor(file: string | undefined, { json, all, remap }: DoctorOptions): Promise<number> {
  const line = progress();
  line.say('looking at the agent');
  const checks = await checksFor(file, remap);
  line.say(`${checks.length} checks run`);
  const results = await examine(checks, (left) => line.say(`${checks.length} checks, ${left} still run`));
  line.end();
  process.stdout.write(json ? `${JSON.stringify({ checks: results })}\n` : printed(results, painter(), all));
  return exitCodeOf(results);
}
