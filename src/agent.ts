// The composition root: only this file and src/agent/ join modules. The order of the start follows the data: ROS, sensing, outbox, uplink,
// and back: uplink, commands, ROS. stop() undoes the start in reverse order; an error in one step does not stop the others.
import { join } from 'node:path';
import { startCommands } from './agent/commands/commands.ts';
import { LiveConfig } from './agent/config/liveConfig.ts';
import { watchBattery } from './agent/health/battery.ts';
import { watchClock } from './agent/health/clockWatch.ts';
import { describe } from './agent/health/describe.ts';
import { watchDisk } from './agent/health/diskWatch.ts';
import { Metrics } from './agent/health/metrics.ts';
import { startMonitor } from './agent/health/monitor.ts';
import { startSocket } from './agent/health/socket.ts';
import { LiveCredentials, watchIdentity } from './agent/identity/watch.ts';
import { lastLines, logFailedStart, openLogFile } from './agent/lifecycle/logs.ts';
import { healthProbe, lastEnding, lastWords, reportEnding, thisRun } from './agent/lifecycle/run.ts';
import { Running } from './agent/lifecycle/running.ts';
import { ShutdownStack } from './agent/lifecycle/shutdown.ts';
import { startCameras } from './agent/media/cameras.ts';
import { Incidents } from './agent/media/incidents.ts';
import { DamageWatch } from './agent/outbox/damage.ts';
import { startMaintenance } from './agent/outbox/maintenance.ts';
import { openQueue } from './agent/outbox/queue.ts';
import { startChannels } from './agent/sensing/channels.ts';
import { makeUplink, saveUplink } from './agent/uplink/link.ts';
import { startScheduled } from './agent/uploads/scheduled.ts';
import { startUploads } from './agent/uploads/uploads.ts';
import { systemClock } from './clock/index.ts';
import type { LoadedConfig } from './config/index.ts';
import { identityPaths, readCredentials } from './identity/index.ts';
import type { LogFile, Logger } from './logs/index.ts';
import { isCorruption, retryWithoutBallast, type WaitingRow } from './outbox/index.ts';
import { SharedMemoryRepair, startRosNode } from './ros/index.ts';
import type { HealthProbe } from './service/index.ts';
import { Lifetime, lockStateDir, type Stopped } from './state/index.ts';
import type { Reloaded, Status } from './status/index.ts';
import { VERSION } from './version.ts';

export class Agent {
  readonly #live: LiveConfig;
  readonly #log: Logger;
  readonly #startRos: typeof startRosNode;
  readonly #logFile: LogFile;
  readonly #shutdown: ShutdownStack;
  readonly #metrics = new Metrics();
  readonly #running = new Running();
  readonly #stopping = new AbortController();
  #stopped: Stopped = 'asked';

  /** Resolves if the outbox file is found to be damaged. A new agent repairs it at its start. */
  readonly damaged: Promise<'damaged'>;
  readonly #adopted: readonly WaitingRow[];
  readonly #damage: DamageWatch;

  /**
   * @param reread reads the same configuration again. @throws AgentError if it is wrong.
   * @param logFile the second destination of `log`; the agent opens it once it holds the state directory.
   * @param unwritten rows that the agent before this one could not write.
   * @param startRos starts the ROS node; tests pass a simulated one.
   */
  constructor(
    loaded: LoadedConfig,
    reread: () => LoadedConfig,
    log: Logger,
    logFile: LogFile,
    unwritten: readonly WaitingRow[] = [],
    startRos: typeof startRosNode = startRosNode,
  ) {
    this.#startRos = startRos;
    this.#live = new LiveConfig(loaded, reread, log);
    this.#shutdown = new ShutdownStack(log);
    this.#log = log;
    this.#logFile = logFile;
    this.#adopted = unwritten;
    let becomeDamaged = () => {};
    this.damaged = new Promise((resolve) => {
      becomeDamaged = () => resolve('damaged');
    });
    this.#damage = new DamageWatch(loaded.config.state_dir, log, becomeDamaged);
  }

  /** Rows that are only in memory; after a stop, rows that could not be written. */
  get unwritten(): readonly WaitingRow[] {
    return this.#running.find('outbox')?.unwritten ?? this.#adopted;
  }

  /** @throws AgentError for a cause that a person has to remove first. A failed start is undone. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      for await (const _step of this.#starting()) signal.throwIfAborted();
    } catch (error) {
      this.#damage.sees(error);
      if (!signal.aborted) logFailedStart(error, this.#logFile, this.#log);
      await this.stop(2_000, signal.aborted ? 'asked' : isCorruption(error) ? 'mending' : 'failed').catch(() => {});
      throw error;
    }
  }

  /** Stops sensing, sends pending rows, publishes the last presence, closes the database. Idempotent. @throws the first error. */
  async stop(deadlineMs: number, why: Stopped = 'asked'): Promise<void> {
    this.#stopped = why;
    await this.#shutdown.undo(deadlineMs);
  }

  /** The configuration in use, including reloads. */
  get loaded(): LoadedConfig {
    return this.#live.loaded;
  }

  /** Reads the configuration again and applies what changed. @throws AgentError if it is wrong; then nothing is changed. */
  reload(): Reloaded {
    return this.#live.reload();
  }

  status(): Status | undefined {
    return this.#running.find('status')?.();
  }

  /** Undefined until the agent is up. */
  get probe(): HealthProbe | undefined {
    return this.#running.find('probe');
  }

  /** The start, step by step. Each step puts its undo on the shutdown stack. */
  async *#starting(): AsyncGenerator<string> {
    const { loaded } = this.#live;
    const { config } = loaded;
    const credentials = new LiveCredentials(readCredentials(identityPaths(config.mqtt, config.state_dir)));
    const lock = lockStateDir(config.state_dir);
    this.#shutdown.add('lock', () => lock.release());
    yield 'state directory';

    const run = thisRun(process.env);
    const lifetime = retryWithoutBallast(config.state_dir, () => Lifetime.begin(config.state_dir, run));
    const ending = lastEnding(config.state_dir, lifetime, run);
    const clock = systemClock(lifetime.lastWallMs);
    this.#shutdown.add('lifetime', () => lifetime.end(clock.mono(), this.#stopped));
    const crashed = openLogFile(this.#logFile, config, clock, this.#log);
    this.#shutdown.add('log file', () => this.#logFile.close());
    const { db, outbox, problems } = openQueue({
      config,
      clock,
      lifetime,
      metrics: this.#metrics,
      damage: this.#damage,
      log: this.#log,
      adopted: this.#adopted,
    });
    this.#running.add({ outbox });
    this.#shutdown.add('database', () => {
      db.close();
    });
    reportEnding(ending, { outbox, problems, log: this.#log });
    this.#shutdown.add('outbox', () => outbox.close());
    yield 'outbox';

    const sharedMemory = config.ros.repair_shared_memory ? new SharedMemoryRepair(join(config.state_dir, 'ros-ports.json')) : undefined;
    const ros = await this.#startRos({
      sharedMemory,
      name: config.ros.node_name,
      namespace: config.ros.namespace,
      ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
    });
    this.#shutdown.add('ros', () => ros.stop());
    yield 'ros';

    const { commands, journal } = startCommands({
      loaded,
      ros,
      db,
      outbox,
      clock,
      lifetime,
      problems,
      log: this.#log.child({ module: 'commands' }),
      own: {
        running: this.#running,
        reload: () => this.reload(),
        hasCameras: Object.keys(config.cameras).length > 0,
        hasUploads: config.uploads.api !== null,
      },
      shutdown: this.#shutdown,
    });
    const channels = startChannels({ loaded, ros, outbox, clock, problems, onRow: (row) => this.#running.onRow(row) });
    this.#running.add({ channels });
    yield 'sensing';

    const onAck = (latencyMs: number, rows: number) => this.#metrics.acked(latencyMs, rows);
    const uplink = makeUplink({ config, credentials, outbox, clock, lifetime, problems, commands, log: this.#log, onAck });
    this.#running.add({ uplink });
    outbox.wakeOn(() => uplink.wake());
    const linked = uplink.run(this.#stopping.signal);
    this.#shutdown.add('uplink', async () => {
      if (this.#stopped === 'asked') lastWords('stopped', outbox);
      outbox.flush();
      await uplink.finish(Math.max(0, this.#shutdown.leftMs - 2_000));
      this.#stopping.abort();
      await linked;
      saveUplink(uplink, this.#log);
    });
    this.#shutdown.add('commands', () => commands.stop());
    yield 'uplink';

    const uploads = startUploads({ config, credentials, db, outbox, clock, lifetime, problems });
    this.#shutdown.add('uploads', () => uploads?.stop());
    yield 'uploads';

    const cameras = await startCameras({ loaded, sharedMemory, clock, problems });
    const log = this.#log.child({ module: 'media' });
    const incidents =
      uploads &&
      new Incidents({
        thing: config.thing,
        cameras: () => cameras.all,
        uploads,
        clock,
        problems,
        log,
        lastLines: () => lastLines(this.#logFile, config),
      });
    if (incidents) this.#running.add({ incidents });
    this.#shutdown.add('incidents', () => incidents?.stop());
    this.#shutdown.add('cameras', () => cameras.stop());
    yield 'cameras';

    const scheduled = startScheduled({
      loaded: () => this.#live.loaded,
      db,
      clock,
      log: this.#log,
      logFile: this.#logFile,
      uploads,
      crashed,
      snapshot: (camera, patienceMs) => this.#running.snapshot(camera, patienceMs),
    });
    this.#running.add({ scheduled });
    this.#shutdown.add('scheduled', () => scheduled.stop());
    yield 'scheduled';

    const maintained = { config, outbox, journal, lifetime, clock, uplink, problems, logFile: this.#logFile, damage: this.#damage };
    const maintenance = startMaintenance({ ...maintained, log: this.#log });
    this.#shutdown.add('maintenance', () => maintenance.stop());
    const disk = watchDisk(config.state_dir, problems);
    const parts = {
      clock,
      lifetime,
      ending,
      outbox,
      uplink,
      channels,
      cameras,
      commands,
      problems,
      metrics: this.#metrics,
      config,
      uploads,
    };
    const status = () => describe({ ...parts, disk: disk.free });
    const probe = healthProbe({ ros, outbox, status });
    this.#running.add({ status, probe });
    this.#shutdown.add('monitor', await startMonitor({ config, probe, status, log: this.#log }));
    const watches = [watchClock(clock, problems, () => uploads?.reportClock()), disk];
    this.#shutdown.add('watches', () => {
      for (const watch of watches) watch.stop();
    });
    const battery = watchBattery({ channels, outbox, clock, lowBelow: config.health.low_battery }, (power) => uplink.reportPower(power));
    this.#shutdown.add('battery', () => battery.stop());
    const ownLog = this.#log.child({ module: 'identity' });
    const identity = watchIdentity({ config, live: credentials, uplink, outbox, clock, problems, log: ownLog });
    this.#live.followedBy({ channels, cameras, scheduled, uplink, identity, problems });
    this.#shutdown.add('identity', () => identity.stop());
    const reload = () => this.reload();
    this.#shutdown.add('status socket', await startSocket({ stateDir: config.state_dir, status, reload, identity, log: this.#log }));
    this.#shutdown.add('inspection', this.#damage.inspect());
    this.#shutdown.add('sensing', () => channels.stop());
    this.#log.info({ event: 'started', version: VERSION, outbox: outbox.id, boot: lifetime.boot }, 'the agent has started');
    yield 'status';
  }
}
