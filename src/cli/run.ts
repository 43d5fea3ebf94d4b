// `elderly-bot run`: runs the agent in this process until a signal. The first signal stops it cleanly; a second one ends it at once.
import { once } from 'node:events';
import type { Inherited } from '../agent/lifecycle/restart.ts';
import { IncompleteStop } from '../agent/lifecycle/shutdown.ts';
import { ReturnPace } from '../agent/storage/returnPace.ts';
import { Agent } from '../agent.ts';
import { messageOf } from '../base/index.ts';
import { type LoadedConfig, loadConfig, type Remap } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { createLog, LogFile, type Logger } from '../logs/index.ts';
import { isCorruption } from '../outbox/index.ts';
import { KeptRos, startRosNode } from '../ros/index.ts';
import { reloading, type ServiceManager, serviceManager, Watchdog } from '../service/index.ts';
import { storageFailure } from '../state/index.ts';

/** systemd would wait 90 s by default, but someone who switches the robot off may cut the power much sooner. */
const STOP_DEADLINE_MS = 8_000;

/** A stop that takes this much longer than its deadline is ended by force, before systemd does so after 15 s. */
const OVERDUE_MS = 4_000;

/** After a complete stop, something forgotten may keep the process alive for this long. */
const LEAVE_WITHIN_MS = 1_000;

/** Stopping to repair the outbox need not wait for acknowledgements: the sooner the agent stops, the sooner sensing resumes. */
const REPAIR_DEADLINE_MS = 500;

/** Attempts to start if the outbox is corrupt: the second checks every page of the file, and the third replaces it. */
const STARTS_AT_MOST = 3;

export interface RunOptions {
  /** Replaces the real ROS node, for example with a simulated one. */
  readonly startRos?: typeof startRosNode;
  /** Stops the agent, as SIGTERM does. */
  readonly until?: AbortSignal;
  /** ROS remapping rules from the command line. */
  readonly remap?: Remap;
}

interface RunParts {
  readonly loaded: LoadedConfig;
  readonly reread: () => LoadedConfig;
  readonly log: Logger;
  readonly logFile: LogFile;
  readonly manager: ServiceManager;
  readonly watchdog: Watchdog;
  readonly ros: KeptRos;
}

export async function run(file: string | undefined, { startRos, until, remap }: RunOptions = {}): Promise<number> {
  const loaded = loadConfig(file, process.env, { leaveOut: true, remap });
  const reread = () => loadConfig(file, process.env, { remap });
  const logFile = new LogFile();
  const log = createLog(loaded.config.log_level, { thing: loaded.config.thing }, logFile);
  process.on('uncaughtExceptionMonitor', (error) =>
    log.fatal({ event: 'crashed', err: error }, 'the agent crashed because of a fault in its code'),
  );
  const manager = serviceManager(process.env, (error) =>
    log.error({ event: 'notify_failed', err: error }, 'can’t notify systemd that the agent runs; run bin/setup, which compiles unix-dgram'),
  );
  const stop = new AbortController();
  until?.addEventListener('abort', () => stop.abort(), { once: true });
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    log.info({ event: 'stopping', signal }, 'stopping; a second signal ends the agent at once');
    manager.notify('STOPPING=1', 'STATUS=stopping');
    stop.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  const failures: string[] = [];
  stop.signal.addEventListener('abort', () => guardStop(failures, log), { once: true });
  const watchdog = new Watchdog({
    manager,
    now: () => performance.now(),
    onStall: (reason) => {
      if (reason === undefined) log.warn({ event: 'stall_over' }, 'the stall is over');
      else log.error({ event: 'stalled', reason }, `${reason}; if this continues, systemd restarts the agent`);
    },
  });
  watchdog.start();
  // The agent may have nothing but unreferenced timers, which do not keep Node running. This one does, until a signal.
  const alive = setInterval(() => {}, 2 ** 30);
  const ros = new KeptRos(startRos ?? startRosNode);
  try {
    await runUntil(stop.signal, { loaded, reread, log, logFile, manager, watchdog, ros });
  } catch (error) {
    if (!(error instanceof IncompleteStop)) throw error;
    failures.push(error.message);
  } finally {
    await ros.end();
    watchdog.stop();
    manager.close();
    clearInterval(alive);
  }
  const isWhole = failures.length === 0;
  if (isWhole) log.info({ event: 'stopped' }, 'stopped');
  else log.error({ event: 'stopped_incompletely' }, `stopped, but not in order: ${failures.join('; ')}`);
  leave(isWhole ? 0 : 1, log);
  return isWhole ? 0 : 1;
}

/** From a stop's beginning on, no fault of a part that should have ended keeps the others from ending, and no step delays the end for ever. */
function guardStop(failures: string[], log: Logger): void {
  process.on('uncaughtException', (error) => failures.push(`a part failed while it ended: ${messageOf(error)}`));
  const overdue = () => {
    log.error({ event: 'stop_overdue', open: process.getActiveResourcesInfo() }, 'the stop takes too long, so the agent ends at once');
    process.exit(1);
  };
  setTimeout(overdue, STOP_DEADLINE_MS + OVERDUE_MS).unref();
}

/** Ends the process, even if something forgotten keeps it alive. */
function leave(code: number, log: Logger): void {
  const force = () => {
    log.warn({ event: 'stop_forced', open: process.getActiveResourcesInfo() }, 'something kept the process alive after its stop');
    process.exit(code);
  };
  setTimeout(force, LEAVE_WITHIN_MS).unref();
}

/**
 * Restarts the agent within this process if its outbox is damaged, cannot be written, or can be written again: that is fast, and rows not yet
 * written survive in memory.
 */
async function runUntil(signal: AbortSignal, { loaded: first, reread, log, logFile, manager, watchdog, ros }: RunParts): Promise<void> {
  let loaded = first;
  let running: Agent | undefined;
  process.on('SIGHUP', () => {
    if (!running) return;
    manager.notify(...reloading());
    try {
      running.reload();
    } catch (error) {
      // A signal has no caller to return the error to, so log it.
      const text = error instanceof AgentError ? error.line : messageOf(error);
      log.error({ event: 'reload_failed' }, `the configuration stays unchanged: ${text}`);
    }
    manager.notify('READY=1');
  });
  const stopped = once(signal, 'abort').then(() => 'stopped' as const);
  let inherited: Inherited = { unwritten: [], failure: undefined, isRestart: false, pace: new ReturnPace() };
  for (let failed = 0; !signal.aborted; ) {
    const agent = new Agent(loaded, reread, log, logFile, inherited, (options) => ros.start(options));
    running = agent;
    watchdog.watch(undefined);
    try {
      await agent.start(signal);
      failed = 0;
      ros.handedOver();
      watchdog.watch(agent.probe);
      manager.notify('READY=1', `STATUS=${agent.probe?.describe()}`);
    } catch (error) {
      if (signal.aborted) return;
      const failure = inherited.failure === undefined ? (storageFailure(error) ?? lostDirectory(error, inherited)) : undefined;
      if (failure !== undefined) {
        log.error(
          { event: 'storage_failed', reason: failure },
          `the state directory can't be used: ${failure}; the agent starts in memory`,
        );
        inherited.pace.failed(performance.now());
        inherited = { ...inherited, unwritten: agent.unwritten, failure, isRestart: true };
        continue;
      }
      if (!isCorruption(error) || ++failed === STARTS_AT_MOST) throw error;
      inherited = { ...inherited, unwritten: agent.unwritten, isRestart: true };
      continue;
    }
    const ending = await Promise.race([stopped, agent.mustRestart]);
    loaded = agent.loaded;
    watchdog.watch(undefined);
    if (ending === 'stopped') return agent.stop(STOP_DEADLINE_MS);
    ros.handOver();
    // Ignore errors: they come from the damaged file or the failed disk, which is already in the log.
    await agent.stop(REPAIR_DEADLINE_MS, 'mending').catch(() => {});
    inherited = { ...inherited, unwritten: agent.unwritten, failure: ending.failure, lost: ending.lost, isRestart: true };
  }
}

/** A state directory that worked before in this process has a right name. */
function lostDirectory(error: unknown, { isRestart }: Inherited): string | undefined {
  return isRestart && error instanceof AgentError && error.code === 'STATE_DIR_UNWRITABLE' ? error.message : undefined;
}
