// Collects the status of all modules and serves it on the status socket, and over HTTP if health.listen is configured. The agent must start
// even if the socket or the port cannot be opened.
import { readdirSync } from 'node:fs';
import { memoryUsage } from 'node:process';
import { every, messageOf } from '../../base/index.ts';
import type { SystemClock } from '../../clock/index.ts';
import { AgentError } from '../../errors.ts';
import type { RowClass } from '../../outbox/index.ts';
import { discoveryServer, reachOf, resolveDomainId } from '../../ros/index.ts';
import type { Ending } from '../../service/index.ts';
import { exposition, Histogram, Monitor, type ProcessFacts, type Reloaded, type Status, StatusSocket } from '../../status/index.ts';
import { VERSION } from '../../version.ts';
import type { Parts } from '../lifecycle/parts.ts';

type Reported =
  | 'config'
  | 'lifetime'
  | 'outbox'
  | 'uplink'
  | 'channels'
  | 'cameras'
  | 'commands'
  | 'reflex'
  | 'problems'
  | 'metrics'
  | 'uploads';

export interface StatusParts extends Pick<Parts, Reported> {
  readonly clock: SystemClock;
  readonly ending: Ending | undefined;
  readonly disk: Status['disk'];
}

export function describe(parts: StatusParts): Status {
  const { config, clock, lifetime, ending, outbox, uplink, channels, cameras, commands, reflex, problems, metrics, disk, uploads } = parts;
  return {
    thing: config.thing,
    version: VERSION,
    boot: lifetime.boot,
    last_run: ending ?? null,
    uptime_ms: clock.mono(),
    clock: describeClock(clock),
    ros: {
      domain_id: resolveDomainId(config.ros.domain_id, process.env.ROS_DOMAIN_ID),
      discovery_server: discoveryServer(process.env) ?? null,
      reach: reachOf(process.env),
    },
    link: uplink.status(),
    outbox: {
      id: outbox.id,
      accepted: outbox.accepted,
      unconfirmed: outbox.unconfirmed,
      oldest_unconfirmed_ms: outbox.oldestUncoveredMs() ?? null,
      held: outbox.depth(),
      oldest_ms: agesOf(outbox.oldestAt(), clock.wall()),
      confirmed: outbox.counts.confirmed,
      evicted: Object.values(outbox.counts.evictedBy).reduce((sum, rows) => sum + rows, 0),
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
    reflex: reflex.status(),
    problems: problems.standing().map(({ code, severity, subject, text, remedy, sinceMs }) => {
      return { code, severity, subject, text, remedy, since_ms: clock.mono() - sinceMs };
    }),
  };
}

function describeClock(clock: SystemClock): Status['clock'] {
  const { trust } = clock;
  return { at: clock.wall(), trusted: trust.trusted, confirmed_by: (trust.trusted && trust.by) || null, distrust: clock.distrust ?? null };
}

/**
 * Rows carry the wall time at which they were written. If the clock has since been set back, that time may be in the future: the age is
 * then 0.
 */
function agesOf(times: Record<RowClass, number | null>, wallMs: number): Record<RowClass, number | null> {
  const ages = Object.entries(times).map(([name, at]) => [name, at === null ? null : Math.max(0, wallMs - at)]);
  return Object.fromEntries(ages) as Record<RowClass, number | null>;
}

/** Opens the socket that serves `elderly-bot status`, `reload` and `certs rotate`. @returns a function that closes the socket. */
export async function startSocket(
  { storage, status, identity, log }: Pick<Parts, 'storage' | 'status' | 'identity' | 'log'>,
  reload: () => Reloaded,
): Promise<() => void | Promise<void>> {
  const rotate = async () => {
    const { slot, certificateId } = await identity.rotate();
    return { slot, certificate_id: certificateId };
  };
  const socket = new StatusSocket(storage.folder, status, { reload, rotate });
  try {
    await socket.start();
    return () => socket.stop();
  } catch (error) {
    const text = error instanceof AgentError ? error.line : messageOf(error);
    log.error({ event: 'no_status_socket' }, `elderly-bot status will not work: ${text}`);
    return () => {};
  }
}

const LAG_EVERY_MS = 1_000;

/** Serves /healthz and /metrics. @returns a function that stops the server. */
export async function startMonitor({
  config,
  probe,
  status,
  log,
}: Pick<Parts, 'config' | 'probe' | 'status' | 'log'>): Promise<() => Promise<void>> {
  const { listen } = config.health;
  if (listen === null) return async () => {};
  const lag = new Histogram();
  const monitor = new Monitor({
    listen,
    probe: () => probe.ask(),
    problems: () => status().problems.map(({ code }) => code),
    metrics: () => exposition({ status: status(), process: processFacts(lag) }),
  });
  try {
    const address = await monitor.start();
    log.info({ event: 'monitor_listening', address }, `/healthz and /metrics answer at http://${address}`);
  } catch (error) {
    log.error({ event: 'no_monitor' }, error instanceof AgentError ? error.line : messageOf(error));
    return async () => {};
  }
  let dueMs = performance.now() + LAG_EVERY_MS;
  const ticker = every(LAG_EVERY_MS, () => {
    const now = performance.now();
    lag.add(Math.max(0, now - dueMs));
    dueMs = now + LAG_EVERY_MS;
  });
  return async () => {
    ticker.stop();
    await monitor.stop();
  };
}

function processFacts(lag: Histogram): ProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    openFiles: readdirSync('/proc/self/fd').length,
    loopLag: lag.status(),
  };
}
