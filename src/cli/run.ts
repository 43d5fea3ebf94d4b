// `elderly-bot run`: the agent in this process, until a signal. The first one stops it cleanly, a second one at once.
import { once } from 'node:events';
import { Agent } from '../agent.ts';
import { messageOf } from '../base/index.ts';
import { type LoadedConfig, loadConfig, type Remap } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { createLog, LogFile, type Logger } from '../logs/index.ts';
import { isCorruption, type WaitingRow } from '../outbox/index.ts';
import type { startRosNode } from '../ros/index.ts';
import { reloading, type ServiceManager, serviceManager, Watchdog } from '../service/index.ts';

/** systemd's default is 90 s; a robot that is switched off gives less. */
const STOP_DEADLINE_MS = 8_000;

/** To mend a damaged outbox nothing has to be said or waited for: sensing begins again the sooner. */
const MEND_DEADLINE_MS = 500;

/** A file that fails at its opening is checked the first time, set aside the second. */
const STARTS_AT_MOST = 3;

interface Told {
  readonly manager: ServiceManager;
  readonly watchdog: Watchdog;
  readonly logFile: LogFile;
  readonly startRos: typeof startRosNode | undefined;
}

export interface RunOptions {
  /** Gives the node in place of the real one. */
  readonly startRos?: typeof startRosNode;
  /** Ends it as a signal of the system does. */
  readonly until?: AbortSignal;
  /** ROS's remapping rules from the command line. */
  readonly remap?: Remap;
}

export async function run(file: string | undefined, { startRos, until, remap }: RunOptions = {}): Promise<number> {
  const loaded = loadConfig(file, process.env, { leaveOut: true, remap });
  const reread = () => loadConfig(file, process.env, { remap });
  const logFile = new LogFile();
  const log = createLog(loaded.config.log_level, { thing: loaded.config.thing }, logFile);
  process.on('uncaughtExceptionMonitor', (error) =>
    log.fatal({ event: 'crashed', err: error }, 'the agent ends: this is an error of its own'),
  );
  const manager = serviceManager(process.env, (error) =>
    log.error(
      { event: 'notify_failed', err: error },
      'systemd can’t be told that the agent runs; run bin/setup, which compiles unix-dgram',
    ),
  );
  const stop = new AbortController();
  until?.addEventListener('abort', () => stop.abort(), { once: true });
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    log.info({ event: 'stopping', signal }, 'stopping; a second signal ends it at once');
    manager.notify('STOPPING=1', 'STATUS=stopping');
    stop.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  const watchdog = new Watchdog({
    manager,
    now: () => performance.now(),
    onStall: (why) => {
      if (why === undefined) log.warn({ event: 'stall_over' }, 'what hung goes on');
      else log.error({ event: 'stalled', reason: why }, `${why}; unless that ends, systemd starts the agent anew`);
    },
  });
  watchdog.start();
  // Every timer of the agent may be unreferenced; this one keeps the process alive until a signal.
  const alive = setInterval(() => {}, 2 ** 30);
  try {
    await runUntil(stop.signal, loaded, reread, log, { manager, watchdog, logFile, startRos });
  } finally {
    watchdog.stop();
    manager.close();
    clearInterval(alive);
  }
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}

/** A damaged outbox is mended by starting again, within the process: what was not written yet is not lost, and it takes moments. */
async function runUntil(
  signal: AbortSignal,
  given: LoadedConfig,
  reread: () => LoadedConfig,
  log: Logger,
  { manager, watchdog, logFile, startRos }: Told,
): Promise<void> {
  let loaded = given;
  let running: Agent | undefined;
  process.on('SIGHUP', () => {
    if (!running) return;
    manager.notify(...reloading());
    reloadNow(running, log);
    manager.notify('READY=1');
  });
  const stopped = once(signal, 'abort').then(() => 'stopped' as const);
  let unwritten: readonly WaitingRow[] = [];
  for (let failed = 0; !signal.aborted; ) {
    const agent = new Agent(loaded, reread, log, logFile, unwritten, startRos);
    running = agent;
    watchdog.watch(undefined);
    try {
      await agent.start(signal);
      failed = 0;
      watchdog.watch(agent.probe);
      manager.notify('READY=1', `STATUS=${agent.probe?.describe()}`);
    } catch (error) {
      if (signal.aborted) return;
      if (!isCorruption(error) || ++failed === STARTS_AT_MOST) throw error;
      continue;
    }
    const why = await Promise.race([stopped, agent.damaged]);
    loaded = agent.loaded;
    watchdog.watch(undefined);
    if (why === 'stopped') return agent.stop(STOP_DEADLINE_MS);
    // Errors here come from the damaged file and are already in the log.
    await agent.stop(MEND_DEADLINE_MS, 'mending').catch(() => {});
    unwritten = agent.unwritten;
  }
}

/** On SIGHUP nobody waits for an answer, so it is in the log. */
function reloadNow(agent: Agent, log: Logger): void {
  try {
    agent.reload();
  } catch (error) {
    log.error({ event: 'reload_failed' }, `nothing was changed: ${error instanceof AgentError ? error.line : messageOf(error)}`);
  }
}
