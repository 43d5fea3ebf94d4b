// Jobs at times of the wall clock, with what they remember in the outbox's file.

import * as z from 'zod';
import { parseJson } from '../../base/index.ts';
import { type Clock, Schedules } from '../../clock/index.ts';
import type { Logger } from '../../logs/index.ts';
import type { Notes } from '../../outbox/index.ts';

const memory = z.object({ from: z.number(), ran: z.array(z.number()) });

export function schedulesOn(notes: Notes, clock: Clock, log: Logger): Schedules {
  return new Schedules({
    clock,
    store: {
      // A damaged note is ignored: the job waits for its next time.
      read: (job) => memory.safeParse(parseJson(notes.read(nameOf(job)))).data,
      write: (job, next) => notes.write(nameOf(job), JSON.stringify(next)),
    },
    onFailed: (job, why) => log.error({ event: 'job_failed', job }, `${job} failed, and is tried at its next time: ${why}`),
  });
}

function nameOf(job: string): string {
  return `job ${job}`;
}
