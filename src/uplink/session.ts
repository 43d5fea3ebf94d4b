// Wraps one MQTT connection, from CONNECT to its end. MQTT.js's own queue and reconnects are disabled, because the outbox is the queue and
// the uplink reconnects. MQTT.js promises may never settle if the connection ends, so every wait for one also ends with the connection.
import { type IClientOptions, type IConnackPacket, MqttClient } from 'mqtt';
import { type BrokerLimits, LEAST_PACKET_BYTES, limitsOf } from './brokerLimits.ts';
import { connectFault } from './connack.ts';
import { ConnectError, isStopped, NO_ANSWER, PACKET_LIMIT, reasonOf, within } from './connectError.ts';
import { pingWhenIdle, Traffic, type TrafficState } from './losses/traffic.ts';
import type { Path } from './network/path.ts';
import { noPathError, PathError } from './network/pathError.ts';
import { sentenceOf, type Transport } from './network/transport.ts';
import { reasonWords } from './reasons.ts';

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
  /** Milliseconds that are left of the message's expiry. Undefined if it has none, as always with MQTT 3.1.1. */
  readonly expiryMs: number | undefined;
}

export interface SessionOptions {
  /** Opens the connection that carries MQTT. @throws ConnectError */
  readonly open: (signal: AbortSignal) => Promise<Transport>;
  readonly clientId: string;
  readonly keepaliveMs: number;
  /** How long the connection may be idle before a ping; undefined if the keepalive suffices. */
  readonly pingEveryMs?: number | undefined;
  /** Limits the wait for the CONNACK, and for each SUBACK. */
  readonly answerTimeoutMs: number;
  readonly version: 4 | 5;
  readonly will: { readonly topic: string; readonly payload: string } | undefined;
  readonly onMessage: (message: Message) => void;
}

/** The part of a session that the uplink and the pump use, so that tests can replace it. */
export type Link = Pick<Session, 'limits' | 'ended' | 'publish' | 'subscribe' | 'drop' | 'close'> &
  Partial<Pick<Session, 'path' | 'localAddress' | 'traffic'>>;

/** @throws ConnectError */
export type Connect = (options: SessionOptions, signal: AbortSignal) => Promise<Link>;

/** MQTT 5's Receive Maximum: how many unacknowledged messages the broker may have in flight to the robot. */
const RECEIVE_MAXIMUM = 20;

/** SUBACK codes from 0x80 on are refusals (MQTT 5, 3.9.3; MQTT 3.1.1 has only 0x80). */
const REFUSED_FROM = 0x80;
const NOT_AUTHORIZED = 135;

/** How long {@link Session.close} waits for the broker. */
const CLOSED_WITHIN_MS = 2_000;

export class Session {
  readonly #client: MqttClient;
  /** Resolves once the connection has ended, with the reason if it is known. Never rejects. */
  readonly ended: Promise<Error | undefined>;
  readonly limits: BrokerLimits;
  readonly path: Path;
  /** This machine's address of the connection. */
  readonly localAddress: string | undefined;
  readonly traffic: TrafficState;
  readonly #answerMs: number;
  #inFlight = 0;
  /** Messages that exceed the broker's Receive Maximum. */
  readonly #waiting: (() => void)[] = [];
  #isOver = false;
  #cutBecause: Error | undefined;

  private constructor(client: MqttClient, limits: BrokerLimits, options: SessionOptions, { socket, path, connectedMs }: Transport) {
    this.#client = client;
    this.limits = limits;
    this.path = path;
    this.localAddress = socket.localAddress;
    this.#answerMs = options.answerTimeoutMs;
    const { pingEveryMs } = options;
    const traffic = new Traffic(client, connectedMs);
    this.traffic = traffic;
    const pings = pingEveryMs === undefined ? undefined : pingWhenIdle(traffic, pingEveryMs, () => client.sendPing());
    this.ended = new Promise((resolve) => {
      let reason: Error | undefined;
      client.on('error', (error) => {
        reason ??= new ConnectError(sentenceOf(error), reasonOf(error) ?? error.name);
      });
      client.on('disconnect', (packet) => {
        reason ??= new ConnectError(`the broker closed the connection: ${reasonWords(packet.reasonCode ?? 0)}`, packet.reasonCode);
      });
      client.on('close', () => {
        this.#isOver = true;
        pings?.stop();
        resolve(reason ?? this.#cutBecause);
      });
    });
  }

  /** The protocol level: 4 means MQTT 3.1.1. */
  get version(): 4 | 5 {
    return this.#client.options.protocolVersion === 5 ? 5 : 4;
  }

  /** @throws ConnectError */
  static async connect(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const transport = await options.open(signal);
    const { socket, path, host, failures } = transport;
    const failed = (message: string, reason: string | number | undefined) =>
      noPathError(host, [...failures, new PathError(path, message, reason)]);
    if (socket.destroyed) throw failed('the broker closed the connection before the CONNECT', 'ECONNRESET');
    let first: Buffer = Buffer.alloc(0);
    socket.once('data', (bytes: Buffer) => {
      first = bytes;
    });
    const client = new MqttClient(() => socket, clientOptions(options));
    client.on('message', (topic, payload, packet) => {
      const expiryS = packet.properties?.messageExpiryInterval;
      const expiryMs = expiryS === undefined ? undefined : expiryS * 1_000;
      options.onMessage({ topic, payload, retained: packet.retain, expiryMs });
    });
    return new Promise((resolve, reject) => {
      const fail = (message: string, reason: string | number | undefined) => {
        cleanUp();
        // If the connection emits another error later, an 'error' event without a listener would crash the process.
        client.on('error', () => {});
        client.end(true);
        reject(failed(message, reason));
      };
      const late = () =>
        fail(`the TLS handshake succeeded, but CONNECT has no answer within ${options.answerTimeoutMs / 1_000} s`, NO_ANSWER);
      const deadline = setTimeout(late, options.answerTimeoutMs);
      const onError = (error: Error) => {
        const { text, reason } = connectFault(error, first);
        fail(text, reason);
      };
      const onClose = () => fail('the broker closed the connection during the handshake', 'ECONNRESET');
      const onAbort = () => (isStopped(signal) ? fail('stopped', 'ABORTED') : late());
      const onConnect = ({ properties }: IConnackPacket) => {
        const limits = limitsOf(properties);
        if (limits.maxPacketBytes < LEAST_PACKET_BYTES) {
          const least = `the agent needs ${LEAST_PACKET_BYTES} bytes`;
          fail(`the broker accepts packets of at most ${limits.maxPacketBytes} bytes, but ${least}`, PACKET_LIMIT);
          return;
        }
        cleanUp();
        resolve(new Session(client, limits, options, transport));
      };
      const cleanUp = () => {
        clearTimeout(deadline);
        client.off('error', onError).off('close', onClose).off('connect', onConnect);
        signal.removeEventListener('abort', onAbort);
      };
      client.on('error', onError).on('close', onClose).on('connect', onConnect);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * @param done called at most once, with an error if the broker refused the message. Not called if the session ends first.
   * @param expiresInS seconds after which the broker discards the message if it is undelivered. Ignored with MQTT 3.1.1, which has no
   * expiry.
   */
  publish(topic: string, payload: string | Buffer, done: (error: Error | undefined) => void, expiresInS?: number): void {
    if (this.#isOver) return;
    if (this.#inFlight >= this.limits.maxInFlight) {
      this.#waiting.push(() => this.publish(topic, payload, done, expiresInS));
      return;
    }
    this.#inFlight++;
    const hasExpiry = expiresInS !== undefined && this.version === 5;
    const properties = hasExpiry ? { properties: { messageExpiryInterval: expiresInS } } : {};
    this.#client.publish(topic, payload, { qos: 1, ...properties }, (error) => {
      if (this.#isOver) return;
      this.#inFlight--;
      this.#waiting.shift()?.();
      done(error ?? undefined);
    });
  }

  /** @throws ConnectError if the broker refuses one of the topics, or does not answer in time, or the connection ends. */
  async subscribe(topics: string[]): Promise<void> {
    const answer = Promise.race([this.#refusedOf(topics), this.ended.then(() => 'ended' as const)]);
    const refused = await within(answer, this.#answerMs, `the subscription of ${topics.join(', ')} has no answer`);
    if (refused === 'ended') throw new ConnectError('the connection ended while subscribing', 'ECONNRESET');
    if (refused !== undefined) throw new ConnectError(`the broker refused the subscription of ${refused}`, NOT_AUTHORIZED);
  }

  /**
   * Returns the first refused topic with the broker's reason. MQTT.js's error does not name the topic, so it is found by its position among
   * the SUBACK codes.
   */
  async #refusedOf(topics: string[]): Promise<string | undefined> {
    const refusal = (topic: string, code: number) => `${topic}: ${reasonWords(code)}`;
    try {
      const granted = await this.#client.subscribeAsync(topics, { qos: 1 });
      const refused = granted.find(({ qos }) => qos >= REFUSED_FROM);
      return refused && refusal(refused.topic, refused.qos);
    } catch (error) {
      const codes = (error as { packet?: { granted?: readonly number[] } }).packet?.granted;
      if (codes === undefined) throw error;
      const position = codes.findIndex((code) => code >= REFUSED_FROM);
      return refusal(topics[position] ?? topics.join(', '), codes[position] ?? REFUSED_FROM);
    }
  }

  /**
   * Cuts the connection without a DISCONNECT, so that the broker publishes the last will.
   * @param reason the reason of the session's end.
   */
  drop(reason = new ConnectError('cut by the robot', 'ABORTED')): void {
    this.#cutBecause ??= reason;
    // MQTT.js fails the messages in flight, which would look like refusals.
    this.#isOver = true;
    this.#client.end(true);
    this.#client.stream.destroy();
  }

  /**
   * Sends a DISCONNECT, so that the broker discards the last will. Cuts the connection if the broker then neither acknowledges the last
   * messages nor closes it. Resolves once the connection has ended.
   */
  async close(): Promise<void> {
    const late = setTimeout(() => this.drop(), CLOSED_WITHIN_MS);
    this.#client.end(false);
    await this.ended;
    clearTimeout(late);
  }
}

/** Whether the broker answered a SUBSCRIBE with a refusal. */
export function isRefusedSubscription(error: unknown): error is ConnectError {
  return error instanceof ConnectError && error.reason === NOT_AUTHORIZED;
}

/**
 * Publishes a message and waits for its acknowledgement.
 * @throws ConnectError NOT_ALLOWED if the broker refuses the message or the session ends first: IoT Core closes the connection to refuse a
 * topic.
 */
export function publishAcknowledged(session: Session, topic: string, payload: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    void session.ended.then(() => reject(new ConnectError(`the broker closed the connection when ${topic} was published`, 'NOT_ALLOWED')));
    session.publish(topic, payload, (error) => {
      if (error) reject(new ConnectError(`the broker refused ${topic}: ${error.message}`, 'NOT_ALLOWED'));
      else resolve();
    });
  });
}

function clientOptions(options: SessionOptions): IClientOptions {
  return {
    protocolId: 'MQTT',
    clientId: options.clientId,
    protocolVersion: options.version,
    clean: true,
    keepalive: Math.round(options.keepaliveMs / 1000),
    // Later than the session's own deadline, whose error says which answer is missing.
    connectTimeout: 2 * options.answerTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    timerVariant: 'native',
    // By default, mqtt-packet caches a buffer for every 16-bit integer: 65,536 objects, which take 7 MB.
    writeCache: false,
    ...(options.will ? { will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1, retain: false } } : {}),
    ...(options.version === 5 ? { properties: { sessionExpiryInterval: 0, receiveMaximum: RECEIVE_MAXIMUM } } : {}),
  };
}
