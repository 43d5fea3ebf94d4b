// Once a minute: old rows and old command ids are removed, and the facts that outlive this process are saved.

import { every, type Ticker } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Config } from '../../config/index.ts';
import type { LogFile, Logger } from '../../logs/index.ts';
import type { CommandJournal, Outbox } from '../../outbox/index.ts';
import type { Lifetime } from '../../state/index.ts';
import type { Problems } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import type { DamageWatch } from './damage.ts';

const EVERY_MS = 60_000;

export interface MaintenanceParts {
  readonly config: Config;
  readonly outbox: Outbox;
  readonly journal: CommandJournal;
  readonly lifetime: Lifetime;
  readonly clock: Clock;
  readonly uplink: Uplink;
  readonly problems: Problems;
  readonly logFile: LogFile;
  readonly damage: DamageWatch;
  readonly log: Logger;
}

export function startMaintenance(parts: MaintenanceParts): Ticker {
  return every(EVERY_MS, () => {
    maintain(parts);
    const { logFile, problems } = parts;
    logFile.maintain();
    if (logFile.trouble === undefined) problems.clear('logs_unwritable');
    else problems.raise('logs_unwritable', logFile.trouble);
  });
}

function maintain({ config, outbox, journal, lifetime, clock, uplink, damage, log }: MaintenanceParts): void {
  try {
    outbox.maintain(config.outbox.max_age);
    journal.forgetOld();
    lifetime.save(clock.mono());
    uplink.save();
  } catch (error) {
    damage.sees(error);
    log.error({ event: 'maintenance_failed', err: error }, 'the maintenance of the outbox failed; the agent tries again in a minute');
  }
}
