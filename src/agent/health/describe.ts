// The answer to `elderly-bot status`, collected from all modules at the moment of the request.
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
import type { Metrics } from './metrics.ts';

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
  readonly metrics: Metrics;
  readonly disk: Status['disk'];
  readonly uploads: RunningUploads | undefined;
}

export function describe(parts: StatusParts): Status {
  const { config, clock, lifetime, ending, outbox, uplink, channels, cameras, commands, problems, metrics, disk, uploads } = parts;
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
      confirmed: outbox.counts.confirmed,
      evicted: outbox.counts.evictedBy.space,
      evicted_by: outbox.counts.evictedBy,
      dropped: outbox.counts.dropped,
      receipts_seen: lifetime.receiptsSeen,
    },
    delivered: metrics.delivered(),
    alert_latency: metrics.alertLatency(),
    disk,
    wear: metrics.wear(clock.mono(), config.health.disk_endurance),
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

/** Rows carry the wall time of their writing. If the clock was set back since, a row can lie in the future; its age is then 0. */
function agesOf(times: Record<RowClass, number | null>, wallMs: number): Record<RowClass, number | null> {
  const ages = Object.entries(times).map(([name, at]) => [name, at === null ? null : Math.max(0, wallMs - at)]);
  return Object.fromEntries(ages) as Record<RowClass, number | null>;
}
