// The composition root: with the joints in agent/, the only place where rooms meet. It reads as the data goes: ROS, sensing, outbox, uplink; and back:
// uplink, commands, ROS. start() is that order, stop() the reverse; an error on the way down is kept and the rest goes on.
import { join } from 'node:path';
import { startCommands } from './agent/commands/commands.ts';
import { LiveConfig } from './agent/config/liveConfig.ts';
import { watchBattery } from './agent/health/battery.ts';
import { watchClock } from './agent/health/clockWatch.ts';
import { describe } from './agent/health/describe.ts';
import { watchDisk } from './agent/health/diskWatch.ts';
import { Figures } from './agent/health/figures.ts';
import { startMonitor } from './agent/health/monitor.ts';
import { startSocket } from './agent/health/socket.ts';
import { LiveCredentials, watchIdentity } from './agent/identity/watch.ts';
import { lastLines, openLogFile, tellFailedStart } from './agent/lifecycle/logs.ts';
import { lastEnding, lastWords, pulseOf, tellEnding, thisRun } from './agent/lifecycle/run.ts';
import { Steps } from './agent/lifecycle/shutdown.ts';
import { startCameras } from './agent/media/cameras.ts';
import { Incidents } from './agent/media/incidents.ts';
import { withRoom } from './agent/outbox/ballast.ts';
import { DamageWatch } from './agent/outbox/damage.ts';
import { startTending } from './agent/outbox/maintenance.ts';
import { openQueue } from './agent/outbox/queue.ts';
import { type Channels, startChannels } from './agent/sensing/channels.ts';
import { makeUplink, saveUplink } from './agent/uplink/link.ts';
import { startUpkeep, type Upkeep } from './agent/uploads/scheduled.ts';
import { startUploads } from './agent/uploads/uploads.ts';
import { systemClock } from './clock/index.ts';
import type { Outcome } from './commands/index.ts';
import type { LoadedConfig } from './config/index.ts';
import { identityPaths, readCredentials } from './identity/index.ts';
import type { LogFile, Logger } from './logs/index.ts';
import { isCorruption, type NewRow, type Outbox, type WaitingRow } from './outbox/index.ts';
import { SharedPorts, startRosNode } from './ros/index.ts';
import type { Pulse } from './service/index.ts';
import { Lifetime, lockStateDir, type Stopped } from './state/index.ts';
import type { Reloaded, Status } from './status/index.ts';
import type { Uplink } from './uplink/index.ts';
import { VERSION } from './version.ts';

export class Agent {
  readonly #live: LiveConfig;
  readonly #log: Logger;
  readonly #startRos: typeof startRosNode;
  readonly #logFile: LogFile;
  readonly #steps: Steps;
  readonly #figures = new Figures();
  readonly #stopping = new AbortController();
  #status: (() => Status) | undefined;
  #stopped: Stopped = 'asked';
  #pulse: Pulse | undefined;

  /** Resolves when the outbox file turned out to be damaged: an agent that is started anew mends it. */
  readonly damaged: Promise<'damaged'>;
  readonly #adopted: readonly WaitingRow[];
  #outbox: Outbox | undefined;
  readonly #damage: DamageWatch;

  /**
   * @param reread reads the same configuration again. @throws AgentError where it is wrong.
   * @param logFile what `log` writes to besides, to be opened once the state directory is this agent's.
   * @param unwritten what an agent before this one could not write any more.
   * @param startRos gives the node in place of the real one.
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
    this.#steps = new Steps(log);
    this.#log = log;
    this.#logFile = logFile;
    this.#adopted = unwritten;
    let becomeDamaged = () => {};
    this.damaged = new Promise((resolve) => {
      becomeDamaged = () => resolve('damaged');
    });
    this.#damage = new DamageWatch(loaded.config.state_dir, log, becomeDamaged);
  }

  /** What is in memory only; after a stop, what could not be written any more. */
  get unwritten(): readonly WaitingRow[] {
    return this.#outbox?.unwritten ?? this.#adopted;
  }

  /** @throws AgentError for what a person has to mend first; nothing is left half started. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      for await (const _step of this.#starting()) signal.throwIfAborted();
    } catch (error) {
      this.#damage.sees(error);
      if (!signal.aborted) tellFailedStart(error, this.#logFile, this.#log);
      await this.stop(2_000, signal.aborted ? 'asked' : isCorruption(error) ? 'mending' : 'failed').catch(() => {});
      throw error;
    }
  }

  /** Stops sensing, sends what is pending, says goodbye, closes the database. Idempotent. @throws the first error met. */
  async stop(deadlineMs: number, why: Stopped = 'asked'): Promise<void> {
    this.#stopped = why;
    await this.#steps.undo(deadlineMs);
  }

  /** What it runs with, after reloads too. */
  get loaded(): LoadedConfig {
    return this.#live.loaded;
  }

  /** Reads the configuration again and applies what changed. @throws AgentError where it is wrong; then nothing is changed. */
  reload(): Reloaded {
    return this.#live.reload();
  }

  status(): Status | undefined {
    return this.#status?.();
  }

  /** How to ask whether it hangs, once it is up. */
  get pulse(): Pulse | undefined {
    return this.#pulse;
  }

  /** The start, step by step; each leaves behind how it is undone. */
  async *#starting(): AsyncGenerator<string> {
    const { loaded } = this.#live;
    const { config } = loaded;
    const credentials = new LiveCredentials(readCredentials(identityPaths(config.mqtt, config.state_dir)));
    const lock = lockStateDir(config.state_dir);
    this.#steps.add('lock', () => lock.release());
    yield 'state directory';

    const run = thisRun(process.env);
    const lifetime = withRoom(config.state_dir, () => Lifetime.begin(config.state_dir, run));
    const ending = lastEnding(config.state_dir, lifetime, run);
    const clock = systemClock(lifetime.lastWallMs);
    this.#steps.add('lifetime', () => lifetime.end(clock.mono(), this.#stopped));
    const crashed = openLogFile(this.#logFile, config, clock, this.#log);
    this.#steps.add('log file', () => this.#logFile.close());
    const { db, outbox, problems } = openQueue({
      config,
      clock,
      lifetime,
      figures: this.#figures,
      damage: this.#damage,
      log: this.#log,
      adopted: this.#adopted,
    });
    this.#outbox = outbox;
    this.#steps.add('database', () => {
      db.close();
    });
    tellEnding(ending, { outbox, problems, log: this.#log });
    this.#steps.add('outbox', () => outbox.close());
    yield 'outbox';

    const ports = new SharedPorts(join(config.state_dir, 'ros-ports.json'));
    const ros = await this.#startRos({
      ports,
      name: config.ros.node_name,
      namespace: config.ros.namespace,
      ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
    });
    this.#steps.add('ros', () => ros.stop());
    yield 'ros';

    let incidents: Incidents | undefined;
    let upkeep: Upkeep | undefined;
    const snapshot = async (camera: string | undefined, patienceMs?: number): Promise<Outcome> =>
      incidents?.snapshot(camera, patienceMs) ?? {
        status: 'failed',
        detail: 'pictures could not leave the robot: see uploads_failing in its status',
      };
    const { commands, journal } = startCommands({
      loaded,
      ros,
      db,
      outbox,
      clock,
      lifetime,
      problems,
      log: this.#log.child({ module: 'commands' }),
      channels: () => channels,
      own: {
        uplink: () => uplink,
        reload: () => this.reload(),
        snapshot: Object.keys(config.cameras).length > 0 ? snapshot : undefined,
        shipLogs:
          config.uploads.api === null ? undefined : () => upkeep?.shipLogs() ?? Promise.reject(new Error('the agent is not up yet')),
      },
      steps: this.#steps,
    });
    const onRow = (row: NewRow) => {
      incidents?.onRow(row);
      upkeep?.onRow(row);
    };
    const channels: Channels = startChannels({ loaded, ros, outbox, clock, problems, onRow });
    yield 'sensing';

    const onAck = (latencyMs: number, rows: number) => this.#figures.acked(latencyMs, rows);
    const uplink: Uplink = makeUplink({ config, credentials, outbox, clock, lifetime, problems, commands, log: this.#log, onAck });
    outbox.wakeOn(() => uplink.wake());
    const linked = uplink.run(this.#stopping.signal);
    this.#steps.add('uplink', async () => {
      if (this.#stopped === 'asked') lastWords('stopped', outbox);
      outbox.flush();
      await uplink.finish(Math.max(0, this.#steps.leftMs - 2_000));
      this.#stopping.abort();
      await linked;
      saveUplink(uplink, this.#log);
    });
    this.#steps.add('commands', () => commands.stop());
    yield 'uplink';

    const uploads = startUploads({ config, credentials, db, outbox, clock, lifetime, problems });
    this.#steps.add('uploads', () => uploads?.stop());
    yield 'uploads';

    const cameras = await startCameras({ loaded, ports, clock, problems });
    const log = this.#log.child({ module: 'media' });
    incidents =
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
    this.#steps.add('incidents', () => incidents?.stop());
    this.#steps.add('cameras', () => cameras.stop());
    yield 'cameras';

    upkeep = startUpkeep({
      loaded: () => this.#live.loaded,
      db,
      clock,
      log: this.#log,
      logFile: this.#logFile,
      uploads,
      crashed,
      snapshot,
    });
    this.#steps.add('upkeep', () => upkeep?.stop());
    yield 'upkeep';

    const tended = { config, outbox, journal, lifetime, clock, uplink, problems, logFile: this.#logFile, damage: this.#damage };
    const tending = startTending({ ...tended, log: this.#log });
    this.#steps.add('tending', () => tending.stop());
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
      figures: this.#figures,
      config,
      uploads,
    };
    const status = () => describe({ ...parts, disk: disk.free });
    this.#status = status;
    const pulse = pulseOf({ ros, outbox, status });
    this.#pulse = pulse;
    this.#steps.add('monitor', await startMonitor({ config, pulse, status, log: this.#log }));
    const watches = [watchClock(clock, problems, () => uploads?.tellClock()), disk];
    this.#steps.add('watches', () => {
      for (const watch of watches) watch.stop();
    });
    const battery = watchBattery({ channels, outbox, clock, lowBelow: config.health.low_battery }, (power) =>
      uplink.tellPower(power, commands.moving !== null),
    );
    this.#steps.add('battery', () => battery.stop());
    const ownLog = this.#log.child({ module: 'identity' });
    const identity = watchIdentity({ config, live: credentials, uplink, outbox, clock, problems, log: ownLog });
    this.#live.followedBy({ channels, cameras, upkeep, uplink, identity, problems });
    this.#steps.add('identity', () => identity.stop());
    const reload = () => this.reload();
    this.#steps.add('status socket', await startSocket({ stateDir: config.state_dir, status, reload, identity, log: this.#log }));
    this.#steps.add('inspection', this.#damage.inspect());
    this.#steps.add('sensing', () => channels.stop());
    this.#log.info({ event: 'started', version: VERSION, outbox: outbox.id, boot: lifetime.boot }, 'the agent runs');
    yield 'status';
  }
}
