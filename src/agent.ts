// Starts and stops the agent. Only this file and src/agent/ may join modules. Startup follows the path of the data: outbox, ROS, sensing,
// uplink. Shutdown undoes the startup steps in reverse order and continues even if a step fails.
import { join } from 'node:path';
import { startCommands } from './agent/commands/commands.ts';
import { LiveConfig } from './agent/config/reload.ts';
import { Metrics } from './agent/health/metrics.ts';
import { describe, startMonitor, startSocket } from './agent/health/status.ts';
import { watchBattery, watchClock, watchDisk } from './agent/health/watches.ts';
import { startingCredentials } from './agent/identity/starting.ts';
import { watchIdentity } from './agent/identity/watch.ts';
import { Running } from './agent/lifecycle/parts.ts';
import type { Inherited, Restart } from './agent/lifecycle/restart.ts';
import {
  appendLastWords,
  healthProbe,
  lastEnding,
  lastLines,
  logFailedStart,
  openLogFile,
  reportEnding,
  thisRun,
} from './agent/lifecycle/run.ts';
import { ShutdownStack } from './agent/lifecycle/shutdown.ts';
import { startCameras } from './agent/media/cameras.ts';
import { Incidents } from './agent/media/incidents.ts';
import { DamageWatch, openQueue, startMaintenance } from './agent/outbox/queue.ts';
import { Reflex } from './agent/reflex/reflex.ts';
import { startChannels } from './agent/sensing/channels.ts';
import { rescue } from './agent/storage/rescue.ts';
import { type Lost, watchStorage } from './agent/storage/watch.ts';
import { createUplink, saveUplink } from './agent/uplink/link.ts';
import { startScheduled } from './agent/uploads/scheduled.ts';
import { startUploads } from './agent/uploads/uploads.ts';
import { systemClock } from './clock/index.ts';
import type { LoadedConfig } from './config/index.ts';
import { identityPaths } from './identity/index.ts';
import type { LogFile, Logger } from './logs/index.ts';
import { isCorruption, retryWithoutBallast, type WaitingRow } from './outbox/index.ts';
import { type RosNode, type RosNodeOptions, SharedMemoryRepair, startRosNode } from './ros/index.ts';
import type { HealthProbe } from './service/index.ts';
import { Lifetime, openStorage, STAND_IN_BYTES, type Stopped } from './state/index.ts';
import type { Reloaded, Status } from './status/index.ts';
import { VERSION } from './version.ts';

/** The part of a stop's time that is left for the last presence and for the steps after it. */
const DISCONNECT_MS = 2_000;

type StartRos = (options: RosNodeOptions) => Promise<RosNode>;

export class Agent {
  readonly #live: LiveConfig;
  readonly #log: Logger;
  readonly #logFile: LogFile;
  readonly #inherited: Inherited;
  readonly #startRos: StartRos;
  readonly #shutdown: ShutdownStack;
  readonly #restart: (restart: Restart) => void;
  #lost: Lost | undefined;
  readonly #running = new Running();
  readonly #stopping = new AbortController();
  #stopped: Stopped = 'asked';

  /**
   * Resolves if the outbox file may be damaged, cannot be written, or can be written again. The caller must then start a new agent, because
   * startup repairs the file, or chooses another.
   */
  readonly mustRestart: Promise<Restart>;

  /**
   * @param reread reads the same configuration again. It throws AgentError if the configuration is invalid.
   * @param logFile the second destination of `log`. The agent opens it once it has locked the state directory.
   * @param startRos starts the ROS node. Tests pass in a simulated node.
   */
  constructor(
    loaded: LoadedConfig,
    reread: () => LoadedConfig,
    log: Logger,
    logFile: LogFile,
    inherited: Inherited,
    startRos: StartRos = startRosNode,
  ) {
    this.#live = new LiveConfig(loaded, reread, log);
    this.#log = log;
    this.#logFile = logFile;
    this.#inherited = inherited;
    this.#startRos = startRos;
    this.#shutdown = new ShutdownStack(log);
    let restart = (_: Restart) => {};
    this.mustRestart = new Promise((resolve) => {
      restart = resolve;
    });
    this.#restart = restart;
  }

  /** Rows that exist only in memory. Once the agent has stopped, these are the rows that could not be written to the database. */
  get unwritten(): readonly WaitingRow[] {
    return this.#running.find('outbox')?.unwritten ?? this.#inherited.unwritten;
  }

  /** If startup fails, its completed steps are undone. @throws AgentError if someone must fix the cause before the agent can start. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      await this.#start(signal);
    } catch (error) {
      this.#running.find('damage')?.recordIfDamage(error);
      if (!signal.aborted) logFailedStart(error, this.#logFile, this.#log);
      await this.stop(2_000, signal.aborted ? 'asked' : isCorruption(error) ? 'mending' : 'failed').catch(() => {});
      throw error;
    }
  }

  /**
   * Stops sensing, sends the waiting rows, publishes the last presence message and closes the database. May be called twice.
   * @throws IncompleteStop if steps failed or did not end, once all steps have run.
   */
  async stop(deadlineMs: number, reason: Stopped = 'asked'): Promise<void> {
    this.#stopped = reason;
    await this.#shutdown.undo(deadlineMs);
  }

  /** The configuration in use, including the changes from reloads. */
  get loaded(): LoadedConfig {
    return this.#live.loaded;
  }

  /** Reads the configuration again and applies the changes. @throws AgentError if it is invalid. Nothing is changed in that case. */
  reload(): Reloaded {
    return this.#live.reload();
  }

  /** @returns undefined while the agent is still starting. */
  status(): Status | undefined {
    return this.#running.find('status')?.();
  }

  /** Undefined while the agent is still starting. */
  get probe(): HealthProbe | undefined {
    return this.#running.find('probe');
  }

  /** Starts the parts one by one. Each part adds a step to the shutdown stack that undoes its start. */
  async #start(signal: AbortSignal): Promise<void> {
    const { loaded } = this.#live;
    const { config } = loaded;
    const log = this.#log;
    const logFile = this.#logFile;
    const running = this.#running;
    const shutdown = this.#shutdown;
    const reload = () => this.reload();

    const storage = openStorage(config.state_dir, this.#inherited.failure);
    const stateDir = storage.folder;
    shutdown.add('lock', () => storage.release());
    // The certificate may be on the disk that failed.
    const hasRun = storage.failure !== undefined || Lifetime.hasBegun(stateDir);
    const credentials = startingCredentials(() => identityPaths(config.mqtt, config.state_dir), hasRun, log);
    const damage = new DamageWatch(stateDir, log, () => this.#restart({ failure: storage.failure }));
    running.add({ damage });
    signal.throwIfAborted();

    const run = thisRun(process.env);
    const lifetime = retryWithoutBallast(stateDir, () => Lifetime.begin(stateDir, run, storage.other));
    const ending = lastEnding(config.state_dir, lifetime, run, this.#inherited.isRestart);
    const clock = systemClock(lifetime.lastWallMs);
    void clock.ask();
    shutdown.add('time service', () => clock.stop());
    // After an incomplete stop the reason stays unknown, so the next run reports the end as unexpected.
    const reason = () => (this.#stopped === 'asked' && shutdown.hasFailed ? null : this.#stopped);
    shutdown.add('lifetime', () => lifetime.end(clock.mono(), reason()));
    const crashed = openLogFile({ config, storage, clock, log, logFile });
    shutdown.add('log file', () => logFile.close());
    const early = { loaded, config, storage, credentials, clock, lifetime, log, logFile, shutdown, metrics: new Metrics(), damage };
    const queue = openQueue({ ...early, adopted: this.#inherited.unwritten, lost: this.#inherited.lost });
    const { db, outbox, problems } = queue;
    const base = { ...early, ...queue };
    running.add({ outbox });
    shutdown.add('database', () => {
      if (this.#lost) rescue(db, storage, this.#lost.names, STAND_IN_BYTES, log);
      db.close();
    });
    reportEnding(ending, base);
    shutdown.add('outbox', () => {
      outbox.close();
      lifetime.setAccepted(outbox.id, outbox.accepted);
    });
    shutdown.add('problems', () => problems.end());
    signal.throwIfAborted();

    const sharedMemory = config.ros.repair_shared_memory ? new SharedMemoryRepair(join(stateDir, 'ros-ports.json')) : undefined;
    const ros = await this.#startRos({
      sharedMemory,
      name: config.ros.node_name,
      namespace: config.ros.namespace,
      ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
    });
    shutdown.add('ros', () => ros.stop());
    signal.throwIfAborted();

    const { commands, journal } = startCommands({ ...base, ros, running, reload });
    const channels = startChannels({ ...base, ros, onRow: (row) => running.onRow(row) });
    running.add({ channels });
    const reflex = new Reflex({ ...base, ros, isConnected: () => running.find('uplink')?.status().state === 'connected' });
    shutdown.add('reflex', () => reflex.stop());
    signal.throwIfAborted();

    const uplink = createUplink({ ...base, live: this.#live, commands });
    running.add({ uplink });
    outbox.wakeOn(() => uplink.wake());
    const uplinkEnded = uplink.run(this.#stopping.signal);
    shutdown.add('state of the uplink', () => saveUplink(uplink, log));
    shutdown.add('uplink', () => {
      this.#stopping.abort();
      return uplinkEnded;
    });
    const waitForRows = () => uplink.finish(Math.max(0, shutdown.leftMs - DISCONNECT_MS));
    shutdown.add('delivery', waitForRows, Number.POSITIVE_INFINITY);
    shutdown.add('waiting rows', () => outbox.flush());
    shutdown.add('last words', () => {
      if (this.#stopped === 'asked') appendLastWords('stopped', outbox);
    });
    shutdown.add('commands', () => commands.stop());
    signal.throwIfAborted();

    const uploads = startUploads({ ...base, isPaused: () => uplink.status().path?.metered ?? false });
    signal.throwIfAborted();

    const cameras = await startCameras({ ...base, sharedMemory });
    if (uploads) {
      const incidents = new Incidents({
        thing: config.thing,
        cameras: () => cameras.all,
        recipients: config.uploads.recipients,
        uploads,
        clock,
        problems,
        log: log.child({ module: 'media' }),
        lastLines: () => lastLines(logFile, stateDir),
      });
      running.add({ incidents });
      shutdown.add('incidents', () => incidents.stop());
    }
    shutdown.add('cameras', () => cameras.stop());
    signal.throwIfAborted();

    const scheduled = startScheduled({
      ...base,
      current: () => this.#live.loaded,
      uploads,
      crashed,
      snapshot: (camera, patienceMs) => running.snapshot(camera, patienceMs),
    });
    running.add({ scheduled });
    shutdown.add('scheduled', () => scheduled.stop());
    signal.throwIfAborted();

    const maintenance = startMaintenance({ ...base, journal, uplink });
    shutdown.add('maintenance', () => maintenance.stop());
    const disk = watchDisk(config.state_dir, problems);
    shutdown.add('disk', () => disk.stop());
    const reported = { ...base, ending, uplink, channels, cameras, commands, uploads, reflex };
    const status = () => describe({ ...reported, disk: disk.free });
    const probe = healthProbe({ ros, outbox, status });
    running.add({ status, probe });
    shutdown.add('monitor', await startMonitor({ config, probe, status, log }));
    const clockWatch = watchClock({ ...base, uplink }, () => uploads?.reportClock());
    shutdown.add('clock', () => clockWatch.stop());
    const battery = watchBattery({ channels, outbox, clock, lowBelow: config.health.low_battery }, (power) => uplink.reportPower(power));
    shutdown.add('battery', () => battery.stop());
    const identity = watchIdentity({ ...base, uplink });
    this.#live.setFollowers({ channels, cameras, reflex, scheduled, uplink, identity, problems });
    shutdown.add('identity', () => identity.stop());
    shutdown.add('status socket', await startSocket({ storage, status, identity, log }, reload));
    shutdown.add('inspection', damage.inspect());
    const onMove = (failure: string | undefined) => this.#restart({ failure });
    const onLost = (lost: Lost) => {
      this.#lost = lost;
      this.#restart({ failure: storage.failure, lost: lost.text });
    };
    const storageWatch = watchStorage({ ...base, pace: this.#inherited.pace, onMove, onLost });
    shutdown.add('storage', () => storageWatch.stop());
    shutdown.add('sensing', () => channels.stop());
    log.info({ event: 'started', version: VERSION, outbox: outbox.id, boot: lifetime.boot }, 'the agent has started');
    signal.throwIfAborted();
  }
}
