// The composition root: the only file that joins rooms. It reads as the data goes: ROS, sensing, outbox, uplink; and back:
// uplink, commands, ROS. start() is that order, stop() the reverse; an error on the way down is kept and the rest goes on.
import { randomBytes } from 'node:crypto';
import { type Clock, every, Lifetime, systemClock } from './clock/index.ts';
import { announce, Commands } from './commands/index.ts';
import type { Config, LoadedConfig } from './config/index.ts';
import { AgentError, messageOf } from './errors.ts';
import { readCredentials } from './identity/index.ts';
import type { Logger } from './logs/index.ts';
import { CommandJournal, dropBallast, isDiskFull, lockStateDir, type Opened, Outbox, openOutboxFile, Space } from './outbox/index.ts';
import { type RosMessage, type RosNode, type RosPublisher, startRosNode } from './ros/index.ts';
import { Channel } from './sensing/index.ts';
import { Latencies, Problems, type StandingProblem, type Status, StatusSocket } from './status/index.ts';
import { Uplink, UplinkMemory } from './uplink/index.ts';
import { VERSION } from './version.ts';

/** How often the outbox is looked after and the lifetime is written down. */
const TEND_EVERY_MS = 60_000;

type Step = readonly [name: string, stop: () => void | Promise<void>];

export class Agent {
  readonly #config: Config;
  readonly #place: LoadedConfig['place'];
  readonly #log: Logger;
  readonly #steps: Step[] = [];
  readonly #acks = new Latencies();
  readonly #stopping = new AbortController();
  #ackedRows = 0;
  #status: (() => Status) | undefined;

  constructor({ config, place }: LoadedConfig, log: Logger) {
    this.#config = config;
    this.#place = place;
    this.#log = log;
  }

  /** @throws AgentError for what a person has to mend first; nothing is left half started. */
  async start(signal: AbortSignal): Promise<void> {
    try {
      for await (const _step of this.#starting()) signal.throwIfAborted();
    } catch (error) {
      await this.stop(2_000).catch(() => {});
      throw error;
    }
  }

  /** Stops sensing, sends what is pending, says goodbye, closes the database. Idempotent. @throws the first error met. */
  async stop(deadlineMs: number): Promise<void> {
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

  status(): Status | undefined {
    return this.#status?.();
  }

  #deadline: () => number = () => 0;

  /** The start, step by step; each leaves behind how it is undone. */
  async *#starting(): AsyncGenerator<string> {
    const config = this.#config;
    const credentials = readCredentials({
      rootCa: config.mqtt.root_ca,
      certFile: config.mqtt.cert_file,
      privateKey: config.mqtt.private_key,
    });
    const lock = lockStateDir(config.state_dir);
    this.#steps.push(['lock', () => lock.release()]);
    yield 'state directory';

    const lifetime = withRoom(config.state_dir, () => Lifetime.begin(config.state_dir));
    const clock = systemClock(lifetime.lastWallMs);
    this.#steps.push(['lifetime', () => lifetime.save(clock.mono())]);
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
      space: new Space(db, config.state_dir, config.outbox.max_size),
      clock,
      lifetime,
      id,
      groupMs: config.outbox.group,
      onTrouble: (error) => {
        if (error) problems.raise('outbox_unwritable', messageOf(error));
        else problems.clear('outbox_unwritable');
      },
    });
    const problems = new Problems(
      () => clock.mono(),
      (state, problem) => this.#tell(outbox, state, problem),
    );
    withRoom(config.state_dir, () => {
      outbox.start();
      lifetime.openedOutbox(id, clock.mono());
    });
    for (const body of opened.closed) outbox.append({ class: 'event', body });
    if (opened.damage) problems.raise('outbox_damaged', opened.damage);
    this.#steps.push(['outbox', () => outbox.close()]);
    yield 'outbox';

    const ros = await startRosNode({
      name: config.ros.node_name,
      namespace: config.ros.namespace,
      ...(config.ros.domain_id === null ? {} : { domainId: config.ros.domain_id }),
    });
    this.#steps.push(['ros', () => ros.stop()]);
    yield 'ros';

    const publishers = this.#advertise(ros);
    const journal = new CommandJournal(db, () => lifetime.ranBeforeMs + clock.mono());
    const commands = new Commands({
      thing: config.thing,
      commands: config.commands,
      publishers,
      outbox,
      journal,
      clock,
      log: this.#log.child({ room: 'commands' }),
    });
    commands.start();
    const channels = this.#subscribe(ros, outbox, clock, problems);
    yield 'sensing';

    const { host, port } = endpointOf(config.mqtt.endpoint);
    const uplink = new Uplink({
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
      commands: announce(config.commands),
      onCommand: (message) => commands.receive(message),
      onAck: (latencyMs, rows) => {
        this.#acks.add(latencyMs);
        this.#ackedRows += rows;
      },
    });
    outbox.wakeOn(() => uplink.wake());
    const linked = uplink.run(this.#stopping.signal);
    this.#steps.push([
      'uplink',
      async () => {
        outbox.flush();
        await uplink.finish(Math.max(0, this.#deadline() - 2_000));
        this.#stopping.abort();
        await linked;
        uplink.save();
      },
    ]);
    yield 'uplink';

    const tending = every(TEND_EVERY_MS, () => this.#tend(outbox, journal, lifetime, clock, uplink));
    this.#steps.push(['tending', () => tending.stop()]);
    this.#status = () => this.#describe({ clock, lifetime, outbox, uplink, channels, commands, problems });
    const socket = new StatusSocket(config.state_dir, this.#status);
    await this.#startSocket(socket);
    this.#steps.push(['sensing', () => channels.stop()]);
    this.#log.info({ event: 'started', version: VERSION, outbox: outbox.id, boot: lifetime.boot }, 'the agent runs');
    yield 'status';
  }

  #openOutbox(lifetime: Lifetime, id: string): Opened {
    const { state_dir: stateDir, outbox } = this.#config;
    return withRoom(stateDir, () => openOutboxFile(stateDir, outbox.max_size, lifetime.lastOutbox, id));
  }

  /** Publishers exist from the start, so that whoever listens is matched before the first command comes. */
  #advertise(ros: RosNode): Map<string, RosPublisher> {
    const commands = Object.entries(this.#config.commands);
    return new Map(
      commands.map(([name, { topic, type, qos }]) => [
        name,
        this.#configured(['commands', name, 'type'], () => ros.advertise(topic, type, qos)),
      ]),
    );
  }

  #subscribe(ros: RosNode, outbox: Outbox, clock: Clock, problems: Problems) {
    const standing = outbox.lastAlerts();
    const channels = Object.entries(this.#config.channels).map(([name, config]) => new Channel(name, config, standing.get(name)));
    const subscriptions = channels.map((channel) => {
      const { topic, type, qos } = channel.config;
      const onMessage = (message: RosMessage) => {
        const row = channel.accept(message, clock.mono());
        if (row) outbox.append(row);
      };
      const onError = (error: Error) =>
        problems.raise('channel_unreadable', `${channel.name} (${topic}): ${messageOf(error)}`, channel.name);
      return this.#configured(['channels', channel.name, 'type'], () => ros.subscribe({ topic, type, qos, onMessage, onError }));
    });
    return {
      status: () => channels.map((channel) => channel.status(clock.mono())),
      stop: () => {
        for (const subscription of subscriptions) subscription.close();
      },
    };
  }

  /** What ROS refuses was written in the configuration: the error says where. */
  #configured<T>(path: readonly string[], create: () => T): T {
    try {
      return create();
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const where = `${this.#place(path)}: ${path.join('.')}: ${error.message}`;
      throw new AgentError(error.code, where, { ...(error.todo ? { todo: error.todo } : {}), cause: error, fields: error.fields });
    }
  }

  /** Problems are logged, and go to the cloud as events. */
  #tell(outbox: Outbox, state: 'raised' | 'cleared', { code, severity, text, todo, subject }: StandingProblem): void {
    const level = state === 'cleared' ? 'info' : severity === 'warning' || severity === 'info' ? 'warn' : 'error';
    this.#log[level]({ event: `problem_${state}`, code, subject, todo }, state === 'raised' ? `${text}; ${todo}` : `over: ${text}`);
    outbox.append({ class: 'event', body: { kind: 'problem', code, severity, state, text } });
  }

  #tend(outbox: Outbox, journal: CommandJournal, lifetime: Lifetime, clock: Clock, uplink: Uplink): void {
    try {
      outbox.tend(this.#config.outbox.max_age);
      journal.forgetOld();
      lifetime.save(clock.mono());
      uplink.save();
    } catch (error) {
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

  #describe(parts: {
    clock: Clock;
    lifetime: Lifetime;
    outbox: Outbox;
    uplink: Uplink;
    channels: { status(): Status['channels'] };
    commands: Commands;
    problems: Problems;
  }): Status {
    const { clock, lifetime, outbox, uplink, channels, commands, problems } = parts;
    return {
      thing: this.#config.thing,
      version: VERSION,
      boot: lifetime.boot,
      uptime_ms: clock.mono(),
      clock: { at: clock.wall(), trusted: clock.trusted() },
      link: uplink.status(),
      outbox: {
        id: outbox.id,
        accepted: outbox.accepted,
        unconfirmed: outbox.unconfirmed,
        held: outbox.depth(),
        evicted: outbox.evicted,
        dropped: outbox.dropped,
        receipts_seen: lifetime.receiptsSeen,
      },
      delivered: { acknowledged_rows: this.#ackedRows, ack_p50_ms: this.#acks.quantile(0.5), ack_p99_ms: this.#acks.quantile(0.99) },
      budget: uplink.budget(),
      channels: channels.status(),
      commands: commands.counts(),
      problems: problems.standing().map(({ code, severity, subject, text, todo, sinceMs }) => ({
        code,
        severity,
        subject,
        text,
        todo,
        since_ms: clock.mono() - sinceMs,
      })),
    };
  }
}

/** A start on a full disk gives the ballast up first: what it needs to write is small. */
function withRoom<T>(stateDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    dropBallast(stateDir);
    return work();
  }
}

function newOutboxId(): string {
  return randomBytes(12).toString('base64url');
}

function endpointOf(endpoint: string): { host: string; port: number | undefined } {
  const { hostname, port } = new URL(`mqtts://${endpoint}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? undefined : Number(port) };
}
