// Runs an outbox in a separate process for crash.test.ts. Usage: crashLife.ts FOLDER [mend]. Prints the highest row number after each
// commit, and `alive` at its end.
import { join } from 'node:path';
import { openOutbox } from '../../src/outbox/index.ts';
import { Lifetime } from '../../src/state/index.ts';
import { ManualClock } from '../support/outbox.ts';

const MAX_BYTES = 64 * 1024 ** 2;
const [folder = '', mend] = process.argv.slice(2);
const clock = new ManualClock();
const lifetime = Lifetime.begin(folder);
const id = `box-${lifetime.boot}`;
const { db, outbox } = openOutbox({ stateDir: folder, maxBytes: MAX_BYTES, clock, lifetime, id, groupMs: 60_000 });

if (mend === undefined) {
  const report = () => process.stdout.write(`${id} ${outbox.accepted}\n`);
  for (let round = 0; round < 5; round++) {
    outbox.append({ class: 'alert', channel: 'gas', value: round % 2 === 0, extra: { alert: round % 2 === 0 ? 'raised' : 'cleared' } });
    for (let n = 0; n < 20; n++) outbox.append({ class: 'telemetry', channel: 'battery', value: n });
    outbox.flush();
    report();
    for (const rowClass of ['alert', 'telemetry'] as const) {
      const claim = outbox.claim(rowClass, { maxRows: 15, maxBytes: 100_000 });
      if (claim) outbox.published(claim);
    }
    outbox.flush();
    clock.advance(1_000);
    const through = Math.max(0, outbox.accepted - 12);
    const to = {
      thing: 'elderly-bot',
      outbox: id,
      at: 0,
      accepted: outbox.accepted,
      mark: [lifetime.boot, clock.mono()] as [number, number],
    };
    outbox.receive({ ...to, through, after: 0, to: through, also: [] });
    if (round === 3) {
      clock.advance(3_600_000);
      outbox.maintain(1_000);
      report();
    }
  }
}
outbox.close();
db.close();
process.stdout.write(`alive in ${join(folder, 'outbox.db')}\n`);
