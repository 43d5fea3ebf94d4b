// Wraps one MQTT connection, from CONNECT to its end. The queue and the reconnects of MQTT.js are off, because the outbox is the queue and the
// uplink reconnects. A promise of MQTT.js may never settle, so each wait also ends with the connection.
import type { Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { codeOf, messageOf } from '../base/index.ts';
import type { Credentials } from '../identity/index.ts';

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
  /** The message has an expiry, so the broker discards it when it is late (MQTT 5). */
  readonly expires: boolean;
}

export interface SessionOptions {
  readonly host: string;
  readonly port: number;
  readonly alpn: string | undefined;
  readonly credentials: Credentials;
  readonly clientId: string;
  readonly keepaliveMs: number;
  readonly connectTimeoutMs: number;
  readonly version: 4 | 5;
  readonly will: { readonly topic: string; readonly payload: string } | undefined;
  readonly onMessage: (message: Message) => void;
}

export class ConnectError extends Error {
  /** A system or TLS error code, a CONNACK or DISCONNECT code, or `NOT_ALLOWED` if the broker refused a topic. */
  readonly reason: string | number | undefined;

  constructor(message: string, reason: string | number | undefined) {
    super(message);
    this.name = 'ConnectError';
    this.reason = reason;
  }
}

/** The part of a session that the uplink and the pump use. */
export type Link = Pick<Session, 'ended' | 'publish' | 'subscribe' | 'drop' | 'close'>;

/** @throws ConnectError */
export type Connect = (options: SessionOptions, signal: AbortSignal) => Promise<Link>;

/** Unacknowledged messages that the broker may send at once (Receive Maximum of MQTT 5). */
const RECEIVE_MAXIMUM = 20;

/** SUBACK codes from 0x80 on are refusals (MQTT 5, 3.9.3; MQTT 3.1.1 has only 0x80). */
const REFUSED_FROM = 0x80;
const NOT_AUTHORIZED = 135;

export class Session {
  readonly #client: MqttClient;
  /** Resolves when the connection ended, with the reason if it is known. */
  readonly ended: Promise<Error | undefined>;
  #isOver = false;
  #isCut = false;

  private constructor(client: MqttClient) {
    this.#client = client;
    this.ended = new Promise((resolve) => {
      let reason: Error | undefined;
      client.on('error', (error) => {
        reason ??= error;
      });
      client.on('disconnect', (packet) => {
        reason ??= new ConnectError(`the broker closed the connection with reason ${packet.reasonCode}`, packet.reasonCode);
      });
      client.on('close', () => {
        this.#isOver = true;
        resolve(reason ?? (this.#isCut ? new ConnectError('cut by the robot: no answer from the broker in time', 'ETIMEDOUT') : undefined));
      });
    });
  }

  /** 4 is MQTT 3.1.1. */
  get version(): 4 | 5 {
    return this.#client.options.protocolVersion === 5 ? 5 : 4;
  }

  get port(): number {
    return this.#client.options.port ?? 0;
  }

  /** @throws ConnectError */
  static connect(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const client = mqtt.connect(clientOptions(options));
    client.on('message', (topic, payload, packet) => {
      const expires = packet.properties?.messageExpiryInterval !== undefined;
      options.onMessage({ topic, payload, retained: packet.retain, expires });
    });
    return new Promise((resolve, reject) => {
      const fail = (message: string, reason: string | number | undefined) => {
        cleanUp();
        // Without a listener, a late error of this connection would become an uncaught exception.
        client.on('error', () => {});
        client.end(true);
        reject(new ConnectError(message, reason));
      };
      const deadline = setTimeout(() => fail(`no answer from ${options.host}:${options.port}`, 'ETIMEDOUT'), options.connectTimeoutMs);
      const onError = (error: Error) => fail(sentenceOf(error), reasonOf(error));
      const onClose = () => fail('the broker closed the connection during the handshake', 'ECONNRESET');
      const onAbort = () => fail('stopped', 'ABORTED');
      const onConnect = () => {
        cleanUp();
        // With Nagle's algorithm an alert waits for the TCP acknowledgement of earlier bytes: 40 ms if the peer delays it.
        (client.stream as Socket).setNoDelay(true);
        resolve(new Session(client));
      };
      const cleanUp = () => {
        clearTimeout(deadline);
        client.off('error', onError).off('close', onClose).off('connect', onConnect);
        signal.removeEventListener('abort', onAbort);
      };
      client.on('error', onError).on('close', onClose).on('connect', onConnect);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /**
   * @param done called once, with the error if the broker refused the message. It is not called after the session ended.
   * @param expiresInS seconds until the broker discards the message; MQTT 3.1.1 has no expiry.
   */
  publish(topic: string, payload: string | Buffer, done: (error: Error | undefined) => void, expiresInS?: number): void {
    if (this.#isOver) return;
    const hasExpiry = expiresInS !== undefined && this.version === 5;
    const properties = hasExpiry ? { properties: { messageExpiryInterval: expiresInS } } : {};
    this.#client.publish(topic, payload, { qos: 1, ...properties }, (error) => {
      if (!this.#isOver) done(error ?? undefined);
    });
  }

  /** @throws ConnectError if the broker refuses one of the topics. */
  async subscribe(topics: string[]): Promise<void> {
    const refused = await Promise.race([this.#refusedOf(topics), this.ended.then(() => 'ended' as const)]);
    if (refused === 'ended') throw new ConnectError('the connection ended while subscribing', 'ECONNRESET');
    if (refused !== undefined) throw new ConnectError(`the broker refused the subscription of ${refused}`, NOT_AUTHORIZED);
  }

  /** @returns the first refused topic. MQTT.js throws for a refused topic without its name, so the SUBACK codes identify it. */
  async #refusedOf(topics: string[]): Promise<string | undefined> {
    try {
      const granted = await this.#client.subscribeAsync(topics, { qos: 1 });
      return granted.find(({ qos }) => qos >= REFUSED_FROM)?.topic;
    } catch (error) {
      const codes = (error as { packet?: { granted?: readonly number[] } }).packet?.granted;
      if (codes === undefined) throw error;
      return topics[codes.findIndex((code) => code >= REFUSED_FROM)] ?? topics.join(', ');
    }
  }

  /** Cuts the connection without a DISCONNECT. The broker publishes the last will. */
  drop(): void {
    this.#isCut = true;
    this.#client.end(true);
    this.#client.stream.destroy();
  }

  /** Sends a DISCONNECT, so the broker discards the last will. Resolves when the connection ended. */
  async close(): Promise<void> {
    this.#client.end(false);
    await this.ended;
  }
}

/**
 * Publishes a message and waits for its acknowledgement.
 * @throws ConnectError NOT_ALLOWED if the broker refuses the message or closes the connection.
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

/** @throws ConnectError ETIMEDOUT with this text if the work takes longer than `ms`. */
export async function within<T>(work: Promise<T>, ms: number, text: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new ConnectError(text, 'ETIMEDOUT')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function clientOptions(options: SessionOptions): IClientOptions {
  const { credentials } = options;
  return {
    protocol: 'mqtts',
    host: options.host,
    port: options.port,
    servername: options.host,
    ...(options.alpn === undefined ? {} : { ALPNProtocols: [options.alpn] }),
    ca: credentials.ca,
    cert: credentials.cert,
    key: credentials.key,
    rejectUnauthorized: true,
    clientId: options.clientId,
    protocolVersion: options.version,
    clean: true,
    keepalive: Math.round(options.keepaliveMs / 1000),
    connectTimeout: options.connectTimeoutMs,
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    timerVariant: 'native',
    // The cache of mqtt-packet holds a buffer for each 16-bit number: 65,536 objects, 7 MB.
    writeCache: false,
    ...(options.will ? { will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1, retain: false } } : {}),
    ...(options.version === 5 ? { properties: { sessionExpiryInterval: 0, receiveMaximum: RECEIVE_MAXIMUM } } : {}),
  };
}

function reasonOf(error: Error): string | number | undefined {
  const code: unknown = (error as { code?: unknown }).code;
  return typeof code === 'number' ? code : codeOf(error);
}

/** OpenSSL's own text has numbers and a line break. Its `reason` is readable. */
function sentenceOf(error: Error): string {
  const { library, reason } = error as { library?: unknown; reason?: unknown };
  return typeof library === 'string' && typeof reason === 'string' ? `the TLS handshake failed: ${reason}` : messageOf(error);
}
