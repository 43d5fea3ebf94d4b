// The composition root: with the joints in agent/, the only place where rooms meet. It reads as the data goes: ROS, sensing, outbox, uplink; and back:
// uplink, commands, ROS. start() is that order, stop() the reverse; an error on the way down is kept and the rest goes on.
import { randomBytes } from 'node:crypto';
import { watchBattery } from './agent/battery.ts';
import { startCameras } from './agent/cameras.ts';
import { type Channels, startChannels } from './agent/channels.ts';
import { describe } from './agent/describe.ts';
import { Figures } from './agent/figures.ts';
import { startGuard } from './agent/guard.ts';
import { LiveCredentials, type RunningIdentity, watchIdentity } from './agent/identity.ts';
import { Incidents } from './agent/incidents.ts';
import { lastEnding, lastWords, pulseOf, tellEnding, thisRun } from './agent/life.ts';
import { lastLines, openLogFile } from './agent/logs.ts';
import { startMonitor } from './agent/monitor.ts';
import { ownWork } from './agent/ownWork.ts';
import { advertiseCommands, startEvidence } from './agent/publishers.ts';
import { changesOf, describeReload } from './agent/reload.ts';
import { withRoom } from './agent/room.ts';
import { startUpkeep, type Upkeep } from './agent/upkeep.ts';
import { rowsBytes, startUploads } from './agent/uploads.ts';
import { type Clock, every, Lifetime, type Stopped, systemClock } from './clock/index.ts';
import { announce, Commands, type Outcome } from './commands/index.ts';
import { endpointOf, type LoadedConfig } from './config/index.ts';
import { AgentError, messageOf } from './errors.ts';
import { identityPaths, readCredentials } from './identity/index.ts';
import type { LogFile, Logger } from './logs/index.ts';
import {
  CommandJournal,
  inspectOutboxFile,
  isCorruption,
  lockStateDir,
  type NewRow,
  type Opened,
  Outbox,
  openOutboxFile,
  Space,
  suspect,
  type WaitingRow,
} from './outbox/index.ts';
import { startRosNode } from './ros/index.ts';
import { type LinkStatus, Problems, type Pulse, type Reloaded, type StandingProblem, type Status, StatusSocket } from './status/index.ts';
import { Uplink, UplinkMemory } from './uplink/index.ts';
import { VERSION } from './version.ts';

/** How often the outbox is looked after and the lifetime is written down. */
const TEND_EVERY_MS = 60_000;

type Step = readonly [name: string, stop: () => void | Promise<void>];

export class Agent {
  #loaded: LoadedConfig;
  readonly #reread: () => LoadedConfig;
  #apply: ((next: LoadedConfig, changes: Reloaded) => void) | undefined;
  readonly #log: Logger;
  readonly #startRos: typeof startRosNode;
  readonly #logFile: LogFile;
  readonly #steps: Step[] = [];
  readonly #figures = new Figures();
  readonly #stopping = new AbortController();
  #status: (() => Status) | undefined;
  #stopped: Stopped = 'asked';
  #pulse: Pulse | undefined;
  #identity: RunningIdentity | undefined;

  /** Resolves when the outbox file turned out to be damaged: an agent that is started anew mends it. */
  readonly damaged: Promise<'damaged'>;
  readonly #adopted: readonly WaitingRow[];
  #outbox: Outbox | undefined;
  #becomeDamaged: () => void = () => {};

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
    this.#loaded = loaded;
    this.#reread = reread;
    this.#log = log;
    this.#logFile = logFile;
    this.#adopted = unwritten;
    this.damaged = new Promise((resolve) => {
      this.#becomeDamaged = () => resolve('damaged');
    });
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
      if (isCorruption(error)) this.#suspect(messageOf(error));
      await this.stop(2_000, signal.aborted ? 'asked' : isCorruption(error) ? 'mending' : 'failed').catch(() => {});
      throw error;
    }
  }

  /** Stops sensing, sends what is pending, says goodbye, closes the database. Idempotent. @throws the first error met. */
  async stop(deadlineMs: number, why: Stopped = 'asked'): Promise<void> {
    this.#stopped = why;
    let first: unknown;
    const endMs = performance.now() + deadlineMs;
    this.#deadline = () => Math.max(0, endMs - performance.now());
    for (const [name, stop] of this.#steps.splice(0).reverse()) {
      try {
        await stop();
      } catch (error) {
        first ??= error;
        this.#log.error({ event: 'stop_failed', step: name, err: error }, `stopping ${name} failed`);
      }
    }
    if (first !== undefined) throw first;
  }

  /** What it runs with, after reloads too. */
  get loaded(): LoadedConfig {
    return this.#loaded;
  }

  /** Reads the configuration again and applies what changed. @throws AgentError where it is wrong; then nothing is changed. */
  reload(): Reloaded {
    if (!this.#apply) throw new AgentError('CLOSED', 'the agent is not up yet');
    const next = this.#reread();
    const certificate = this.#identity?.fresh();
    const changes = changesOf(this.#loaded.config, next.config, certificate ? ['certificate'] : []);
    this.#apply(next, changes);
    if (certificate) this.#identity?.tryOut(certificate);
    // What needs a restart keeps its value until then, so that a later reload still says so.
    const { channels, mqtt } = next.config;
    const config = { ...this.#loaded.config, channels, mqtt: { ...this.#loaded.config.mqtt, interval: mqtt.interval } };
    this.#loaded = { ...next, config };
    this.#log.info({ event: 'reloaded', ...changes }, describeReload(changes));
    return changes;
  }

  status(): Status | undefined {
    return this.#status?.();
  }

  /** How to ask whether it hangs, once it is up. */
  get pulse(): Pulse | undefined {
    return this.#pulse;
  }

  #deadline: () => number = () => 0;

  /** The start, step by step; each leaves behind how it is undone. */
  async *#starting(): AsyncGenerator<string> {
    const loaded = this.#loaded;
    const { config } = loaded;
    const credentials = new LiveCredentials(readCredentials(identityPaths(config.mqtt, config.state_dir)));
    const lock = lockStateDir(config.state_dir);
    this.#steps.push(['lock', () => lock.release()]);
    yield 'state directory';

    const run = thisRun(process.env);
    const lifetime = withRoom(config.state_dir, () => Lifetime.begin(config.state_dir, run));
    const ending = lastEnding(config.state_dir, lifetime, run);
    const clock = systemClock(lifetime.lastWallMs);
    this.#steps.push(['lifetime', () => lifetime.end(clock.mono(), this.#stopped)]);
    const crashed = openLogFile(this.#logFile, config, clock, this.#log);
    this.#steps.push(['log file', () => this.#logFile.close()]);
    const id = newOutboxId();
    const opened = this.#openOutbox(lifetime, id);
    const { db } = opened;
    this.#steps.push([
      'database',
      () => {
        db.close();
      },
    ]);
    const outbox: Outbox = new Outbox({
      db,
      space: new Space(db, config.state_dir, rowsBytes(config)),
      clock,
      lifetime,
      id,
      groupMs: config.outbox.group,
      figures: this.#figures,
      onTrouble: (error) => {
        if (isCorruption(error)) this.#suspect(messageOf(error));
        else if (error) problems.raise('outbox_unwritable', messageOf(error));
        else problems.clear('outbox_unwritable');
      },
    });
    const problems = new Problems(
      () => clock.mono(),
      (state, problem) => this.#tell(outbox, state, problem),
    );
    withRoom(config.state_dir, () => {
      outbox.start();
      // Declared on disk before the lost ones are forgotten: a kill in between must not make them vanish without a word.
      for (const body of opened.closed) outbox.append({ class: 'event', body });
      outbox.flush();
      lifetime.openedOutbox(id, outbox.owed(), clock.mono());
    });
    this.#outbox = outbox;
    outbox.adopt(this.#adopted);
    if (opened.damage) problems.raise('outbox_damaged', opened.damage);
    tellEnding(ending, { outbox, problems, log: this.#log });
    this.#steps.push(['outbox', () => outbox.close()]);
    yield 'outbox';

    const ros = await this.#startRos({
      name: config.ros.node_name,
      namespace: config.ros.namespace,
      ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
    });
    this.#steps.push(['ros', () => ros.stop()]);
    yield 'ros';

    const publishers = advertiseCommands(loaded, ros);
    const journal = new CommandJournal(db, () => lifetime.ranBeforeMs + clock.mono());
    const { guard, stop: letGoOfGuard } = startGuard({ config, problems, commands: () => commands });
    this.#steps.push(['guard', letGoOfGuard]);
    let incidents: Incidents | undefined;
    let upkeep: Upkeep | undefined;
    const snapshot = async (camera: string | undefined, patienceMs?: number): Promise<Outcome> =>
      incidents?.snapshot(camera, patienceMs) ?? {
        status: 'failed',
        detail: 'pictures could not leave the robot: see uploads_failing in its status',
      };
    const commands: Commands = new Commands({
      thing: config.thing,
      commands: config.commands,
      publishers,
      outbox,
      journal,
      clock,
      guard,
      own: ownWork({
        uplink: () => uplink,
        reload: () => this.reload(),
        snapshot: Object.keys(config.cameras).length > 0 ? snapshot : undefined,
        shipLogs:
          config.uploads.api === null ? undefined : () => upkeep?.shipLogs() ?? Promise.reject(new Error('the agent is not up yet')),
      }),
      heard: (channel) => channels.heard(channel),
      connectedForMs: () => connectedForMs(uplink.status()),
      log: this.#log.child({ room: 'commands' }),
    });
    commands.start();
    startEvidence({ loaded, ros, problems, onEvidence: (name, value) => commands.evidence(name, value) });
    const onRow = (row: NewRow) => {
      incidents?.onRow(row);
      upkeep?.onRow(row);
    };
    const channels: Channels = startChannels({ loaded, ros, outbox, clock, problems, onRow });
    yield 'sensing';

    const { host, port } = endpointOf(config.mqtt.endpoint);
    const uplink: Uplink = new Uplink({
      thing: config.thing,
      topicPrefix: config.topic_prefix,
      host,
      port,
      credentials,
      version: VERSION,
      intervalMs: config.mqtt.interval,
      keepaliveMs: config.mqtt.keepalive,
      connectTimeoutMs: config.mqtt.connect_timeout,
      ackTimeoutMs: config.mqtt.ack_timeout,
      window: config.mqtt.window,
      quota: { messagesPerSecond: config.mqtt.messages_per_second, bytesPerSecond: config.mqtt.bytes_per_second },
      budget: config.mqtt.budget,
      memory: new UplinkMemory(config.state_dir),
      backoff: { minMs: config.mqtt.reconnect_min, maxMs: config.mqtt.reconnect_max },
      outbox,
      clock,
      lifetime,
      problems,
      log: this.#log.child({ room: 'uplink' }),
      commands: announce(config.commands, (own) => commands.unable(own)),
      onCommand: (message) => commands.receive(message),
      onLinkLost: () => commands.halt('the link to the broker was lost'),
      onAck: (latencyMs, rows) => this.#figures.acked(latencyMs, rows),
    });
    outbox.wakeOn(() => uplink.wake());
    const linked = uplink.run(this.#stopping.signal);
    this.#steps.push([
      'uplink',
      async () => {
        if (this.#stopped === 'asked') lastWords('stopped', outbox);
        outbox.flush();
        await uplink.finish(Math.max(0, this.#deadline() - 2_000));
        this.#stopping.abort();
        await linked;
        uplink.save();
      },
    ]);
    this.#steps.push(['commands', () => commands.stop()]);
    yield 'uplink';

    const uploads = startUploads({ config, credentials, db, outbox, clock, lifetime, problems });
    this.#steps.push(['uploads', () => uploads?.stop()]);
    yield 'uploads';

    const cameras = await startCameras({ loaded, clock, problems });
    const log = this.#log.child({ room: 'media' });
    incidents =
      uploads &&
      new Incidents({
        thing: config.thing,
        cameras: cameras.all,
        uploads,
        clock,
        problems,
        log,
        lastLines: () => lastLines(this.#logFile, config),
      });
    this.#steps.push(['incidents', () => incidents?.stop()]);
    this.#steps.push(['cameras', () => cameras.stop()]);
    yield 'cameras';

    upkeep = startUpkeep({ loaded: () => this.#loaded, db, clock, log: this.#log, logFile: this.#logFile, uploads, crashed, snapshot });
    this.#steps.push(['upkeep', () => upkeep?.stop()]);
    yield 'upkeep';

    const tending = every(TEND_EVERY_MS, () => {
      this.#tend(outbox, journal, lifetime, clock, uplink);
      this.#logFile.tend();
      if (this.#logFile.trouble === undefined) problems.clear('logs_unwritable');
      else problems.raise('logs_unwritable', this.#logFile.trouble);
    });
    this.#steps.push(['tending', () => tending.stop()]);
    const status = () =>
      describe({ clock, lifetime, ending, outbox, uplink, channels, cameras, commands, problems, figures: this.#figures, config, uploads });
    this.#status = status;
    const pulse = pulseOf({ ros, outbox, status });
    this.#pulse = pulse;
    this.#steps.push(['monitor', await startMonitor({ config, pulse, status, log: this.#log })]);
    const battery = watchBattery({ channels, outbox, lowBelow: config.health.low_battery });
    this.#steps.push(['battery', () => battery.stop()]);
    this.#apply = (next, changes) => {
      channels.apply(next, changes);
      if (changes.applied.includes('mqtt.interval')) uplink.setInterval(next.config.mqtt.interval);
    };
    const identity = watchIdentity({ config, live: credentials, uplink, clock, problems, log: this.#log.child({ room: 'identity' }) });
    this.#identity = identity;
    this.#steps.push(['identity', () => identity.stop()]);
    const socket = new StatusSocket(config.state_dir, status, {
      reload: () => this.reload(),
      rotate: async () => {
        const { slot, certificateId } = await identity.rotate();
        return { slot, certificate_id: certificateId };
      },
    });
    await this.#startSocket(socket);
    this.#steps.push(['inspection', this.#inspect()]);
    this.#steps.push(['sensing', () => channels.stop()]);
    this.#log.info({ event: 'started', version: VERSION, outbox: outbox.id, boot: lifetime.boot }, 'the agent runs');
    yield 'status';
  }

  /** Every page is looked at once the robot senses. @returns how that is ended early. */
  #inspect(): () => void {
    const ending = new AbortController();
    inspectOutboxFile(this.#loaded.config.state_dir, ending.signal).then(
      (found) => {
        if (found !== undefined) this.#suspect(found);
      },
      (error: unknown) => this.#log.warn({ event: 'inspection_failed', err: error }, 'the outbox file could not be checked'),
    );
    return () => ending.abort();
  }

  /** Written down first, so that the next start, of this process or another, knows. */
  #suspect(what: string): void {
    const { state_dir: stateDir } = this.#loaded.config;
    this.#log.error({ event: 'outbox_suspect' }, `the outbox file in ${stateDir} may be damaged: ${what}; it is checked and mended now`);
    try {
      suspect(stateDir, what);
    } catch (error) {
      this.#log.error({ event: 'outbox_suspect_unwritten', err: error }, 'that could not be written down');
    }
    this.#becomeDamaged();
  }

  #openOutbox(lifetime: Lifetime, id: string): Opened {
    const { config } = this.#loaded;
    return withRoom(config.state_dir, () => openOutboxFile(config.state_dir, rowsBytes(config), lifetime.outboxes, id));
  }

  /** Problems are logged, and go to the cloud as events. */
  #tell(outbox: Outbox, state: 'raised' | 'cleared', { code, severity, text, todo, subject }: StandingProblem): void {
    const level = state === 'cleared' ? 'info' : severity === 'warning' || severity === 'info' ? 'warn' : 'error';
    this.#log[level]({ event: `problem_${state}`, code, subject, todo }, state === 'raised' ? `${text}; ${todo}` : `over: ${text}`);
    outbox.append({ class: 'event', body: { kind: 'problem', code, severity, state, text } });
  }

  #tend(outbox: Outbox, journal: CommandJournal, lifetime: Lifetime, clock: Clock, uplink: Uplink): void {
    try {
      outbox.tend(this.#loaded.config.outbox.max_age);
      journal.forgetOld();
      lifetime.save(clock.mono());
      uplink.save();
    } catch (error) {
      if (isCorruption(error)) this.#suspect(messageOf(error));
      this.#log.error({ event: 'tending_failed', err: error }, 'the outbox could not be looked after; it is tried again in a minute');
    }
  }

  async #startSocket(socket: StatusSocket): Promise<void> {
    try {
      await socket.start();
      this.#steps.push(['status socket', () => socket.stop()]);
    } catch (error) {
      const text = error instanceof AgentError ? error.line : messageOf(error);
      this.#log.error({ event: 'no_status_socket' }, `elderly-bot status will not work: ${text}`);
    }
  }
}

function newOutboxId(): string {
  return randomBytes(12).toString('base64url');
}

function connectedForMs({ state, since_ms: sinceMs }: LinkStatus): number | undefined {
  return state === 'connected' ? sinceMs : undefined;
}
