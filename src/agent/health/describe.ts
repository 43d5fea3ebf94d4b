// What `elderly-bot status` asks for, gathered from the rooms at the moment of asking.
import type { Clock } from '../../clock/index.ts';
import type { Commands } from '../../commands/index.ts';
import type { Config } from '../../config/index.ts';
import type { Outbox, RowClass } from '../../outbox/index.ts';
import { resolveDomainId } from '../../ros/index.ts';
import type { Ending } from '../../service/index.ts';
import type { Lifetime } from '../../state/index.ts';
import type { Problems, Status } from '../../status/index.ts';
import type { Uplink } from '../../uplink/index.ts';
import { VERSION } from '../../version.ts';
import type { Cameras } from '../media/cameras.ts';
import type { Channels } from '../sensing/channels.ts';
import type { RunningUploads } from '../uploads/uploads.ts';
import type { Figures } from './figures.ts';

export interface StatusParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly lifetime: Lifetime;
  readonly ending: Ending | undefined;
  readonly outbox: Outbox;
  readonly uplink: Uplink;
  readonly channels: Channels;
  readonly cameras: Cameras;
  readonly commands: Commands;
  readonly problems: Problems;
  readonly figures: Figures;
  readonly disk: Status['disk'];
  readonly uploads: RunningUploads | undefined;
}

export function describe(parts: StatusParts): Status {
  const { config, clock, lifetime, ending, outbox, uplink, channels, cameras, commands, problems, figures, disk, uploads } = parts;
  return {
    thing: config.thing,
    version: VERSION,
    boot: lifetime.boot,
    last_run: ending ?? null,
    uptime_ms: clock.mono(),
    clock: { at: clock.wall(), trusted: clock.trusted() },
    ros: { domain_id: resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID) },
    link: uplink.status(),
    outbox: {
      id: outbox.id,
      accepted: outbox.accepted,
      unconfirmed: outbox.unconfirmed,
      oldest_unconfirmed_ms: outbox.oldestUncoveredMs() ?? null,
      held: outbox.depth(),
      oldest_ms: agesOf(outbox.oldestAt(), clock.wall()),
      confirmed: outbox.confirmed,
      evicted: outbox.evicted,
      evicted_by: outbox.evictedBy,
      dropped: outbox.dropped,
      receipts_seen: lifetime.receiptsSeen,
    },
    delivered: figures.delivered(),
    alert_latency: figures.alertLatency(),
    disk,
    wear: figures.wear(clock.mono(), config.health.disk_endurance),
    budget: uplink.budget(),
    channels: channels.status(),
    cameras: cameras.status(),
    uploads: uploads?.status() ?? null,
    commands: commands.counts(),
    command_latency: commands.latency(),
    moving: commands.moving,
    problems: problems.standing().map(({ code, severity, subject, text, remedy, sinceMs }) => ({
      code,
      severity,
      subject,
      text,
      remedy,
      since_ms: clock.mono() - sinceMs,
    })),
  };
}

/** Rows are dated by the wall clock of then: one that was set since can make them younger than now. */
function agesOf(times: Record<RowClass, number | null>, wallMs: number): Record<RowClass, number | null> {
  const ages = Object.entries(times).map(([name, at]) => [name, at === null ? null : Math.max(0, wallMs - at)]);
  return Object.fromEntries(ages) as Record<RowClass, number | null>;
}
