// State of the uplink across restarts, in a small file in the state directory: the port that worked and the messages of the month so far. If
// the file is lost or damaged, the uplink starts without it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { replaceFile } from '../base/index.ts';

const schema = z.object({
  /** Port that got through last. */
  port: z.int().min(1).max(65_535).nullable(),
  spending: z.object({ month: z.string(), messages: z.int().min(0) }),
});

export type Remembered = z.infer<typeof schema>;

const NOTHING: Remembered = { port: null, spending: { month: '', messages: 0 } };

export class UplinkMemory {
  readonly #file: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, 'uplink.json');
  }

  load(): Remembered {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      return NOTHING;
    }
  }

  save(remembered: Remembered): void {
    replaceFile(this.#file, `${JSON.stringify(remembered)}\n`);
  }
}
