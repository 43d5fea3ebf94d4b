// /healthz and /metrics, if the configuration sets health.listen. The agent starts even if the port is taken.
import { readdirSync } from 'node:fs';
import { memoryUsage } from 'node:process';
import { every, messageOf } from '../../base/index.ts';
import type { Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import type { Logger } from '../../logs/index.ts';
import type { HealthProbe } from '../../service/index.ts';
import { exposition, Histogram, Monitor, type ProcessFacts, type Status } from '../../status/index.ts';

const LAG_EVERY_MS = 1_000;

export interface MonitorParts {
  readonly config: Config;
  readonly probe: HealthProbe;
  readonly status: () => Status;
  readonly log: Logger;
}

/** @returns ends the monitor. */
export async function startMonitor({ config, probe, status, log }: MonitorParts): Promise<() => Promise<void>> {
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
    const where = await monitor.start();
    log.info({ event: 'monitor_listening', address: where }, `/healthz and /metrics answer at http://${where}`);
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
