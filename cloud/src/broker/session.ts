// Runs one connection to the broker, from CONNECT to its end. It never reconnects: each attempt needs a new session.
import { once, setMaxListeners } from 'node:events';
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from 'mqtt';
import type { Incoming } from '../messages/index.ts';
import { SHARE } from '../rights/index.ts';
import type { Credentials, Endpoint } from '../settings/index.ts';

export type ProtocolVersion = 5 | 4;

export interface SessionOptions {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | null;
  readonly clientId: string;
  /** Topic filters without `$share`. */
  readonly filters: readonly string[];
  readonly take: (incoming: Incoming) => void;
  /** Resolves when the queue has capacity for another message. */
  readonly capacity: () => Promise<void>;
}

const CONNECT_TIMEOUT_MS = 20_000;
const PUBACK_TIMEOUT_MS = 10_000;
const DISCONNECT_MS = 1_000;
const KEEPALIVE_S = 30;
/** Limit on messages that wait for their commit and PUBACK. AWS IoT Core lowers it to 100 in its CONNACK. */
const RECEIVE_MAXIMUM = 500;
/** A broker does not deliver larger packets. A message has at most 100 KiB (docs/reference/protocol.md, Sizes). */
const MAX_PACKET_BYTES = 1024 * 1024;
/** Return codes of a CONNACK: 1 in MQTT 3.1.1, 0x84 in MQTT 5. */
const UNSUPPORTED_VERSION = new Set([0x01, 0x84]);
/** AWS IoT Core accepts 8 topic filters per SUBSCRIBE. */
const SUBSCRIPTIONS_AT_ONCE = 8;

/** An error that prevents mqtt.js from sending its own PUBACK. mqtt.js then continues with the next packet. */
const ACKNOWLEDGED_LATER = new Error('acknowledged after the commit');

/** mqtt.js has no public function for a PUBACK out of order. Its version is pinned, and a test covers this call. */
interface PacketSender {
  _sendPacket(packet: { cmd: 'puback'; messageId: number; reasonCode: number }): void;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #version: ProtocolVersion;
  readonly #client: MqttClient;
  readonly #closed = new AbortController();
  readonly #subscribed: string[] = [];
  /** The error that ended the session, if known. */
  error: Error | null = null;

  constructor(options: SessionOptions, version: ProtocolVersion) {
    this.#options = options;
    this.#version = version;
    this.#client = mqtt.connect(clientOptions(options, version));
    setMaxListeners(0, this.#closed.signal);
    this.#client.handleMessage = (packet, next) => void this.#received(packet, next);
    this.#client.on('error', (error) => {
      this.error ??= error;
    });
    this.#client.on('close', () => {
      this.#client.end(true);
      this.#closed.abort();
    });
  }

  get refusedVersion(): boolean {
    const code = (this.error as { code?: unknown } | null)?.code;
    return typeof code === 'number' && UNSUPPORTED_VERSION.has(code);
  }

  get shared(): boolean {
    return this.#subscribed.some((filter) => filter.startsWith(SHARE));
  }

  async closed(): Promise<void> {
    if (!this.#closed.signal.aborted) await once(this.#closed.signal, 'abort');
  }

  /** Connects and subscribes. @returns false if the connection ended before that. */
  async open(): Promise<boolean> {
    const connack = await this.#unlessClosed<IConnackPacket>((resolve) => this.#client.once('connect', resolve));
    if (!connack) return false;
    const shares = this.#version === 5 && connack.properties?.sharedSubscriptionAvailable !== false;
    const filters = this.#options.filters.map((filter) => (shares ? `${SHARE}${filter}` : filter));
    for (let from = 0; from < filters.length; from += SUBSCRIPTIONS_AT_ONCE) {
      if (!(await this.#subscribe(filters.slice(from, from + SUBSCRIPTIONS_AT_ONCE)))) return false;
    }
    return true;
  }

  /** Resolves with the broker's PUBACK. */
  publish(topic: string, payload: string): Promise<void> {
    if (!this.#client.connected) return Promise.reject(new Error('not connected to the broker'));
    const { signal } = this.#closed;
    return new Promise((resolve, reject) => {
      const finish = (error?: Error | null): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', lost);
        if (error) reject(error);
        else resolve();
      };
      // mqtt.js does not call the callback once the connection is lost, so the end of the session rejects the promise.
      const lost = (): void => finish(new Error('the connection to the broker is lost'));
      const timer = setTimeout(() => finish(new Error('the broker sent no PUBACK')), PUBACK_TIMEOUT_MS);
      signal.addEventListener('abort', lost);
      this.#client.publish(topic, payload, { qos: 1 }, finish);
    });
  }

  /** Unsubscribes. Received messages can still be acknowledged. */
  async leave(): Promise<void> {
    if (!this.#client.connected || this.#subscribed.length === 0) return;
    await this.#unlessClosed<true>((resolve) => {
      setTimeout(() => resolve(true), DISCONNECT_MS).unref();
      this.#client.unsubscribe(this.#subscribed, () => resolve(true));
    });
  }

  /** Sends DISCONNECT if there is a connection. */
  end(): void {
    this.#client.end(!this.#client.connected);
    // mqtt.js waits for the PUBACKs of its publications without a limit.
    const timer = setTimeout(() => this.#client.end(true), DISCONNECT_MS);
    void this.closed().then(() => clearTimeout(timer));
  }

  async #subscribe(filters: string[]): Promise<boolean> {
    const failed = await this.#unlessClosed<string>((resolve) => {
      this.#client.subscribe(filters, { qos: 1 }, (error, granted) => {
        const refused = granted?.find(({ qos }) => qos >= 0x80);
        resolve(error ? error.message : refused ? `reason ${refused.qos}` : '');
      });
    });
    if (failed === '') {
      this.#subscribed.push(...filters);
      return true;
    }
    if (failed !== null) this.error ??= new Error(`the broker refused the subscription to ${filters.join(', ')}: ${failed}`);
    this.#client.end(true);
    return false;
  }

  async #received(packet: IPublishPacket, next: (error?: Error) => void): Promise<void> {
    const { messageId, topic, qos } = packet;
    const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
    this.#options.take({ topic, payload, done: () => this.#acknowledge(qos, messageId) });
    await this.#options.capacity();
    next(qos === 1 ? ACKNOWLEDGED_LATER : undefined);
  }

  /** Sends nothing once the session has ended, because a message id is valid only in its session. */
  #acknowledge(qos: number, messageId: number | undefined): void {
    if (qos !== 1 || messageId === undefined || !this.#client.connected) return;
    (this.#client as unknown as PacketSender)._sendPacket({ cmd: 'puback', messageId, reasonCode: 0 });
  }

  /** Resolves with the value from `start`, or with null if the session ends first. */
  #unlessClosed<T>(start: (resolve: (value: T) => void) => void): Promise<T | null> {
    return new Promise((resolve) => {
      void this.closed().then(() => resolve(null));
      start(resolve);
    });
  }
}

function clientOptions({ endpoint, credentials, clientId }: SessionOptions, version: ProtocolVersion): IClientOptions {
  return {
    protocol: endpoint.tls ? 'mqtts' : 'mqtt',
    host: endpoint.host,
    port: endpoint.port,
    protocolVersion: version,
    clientId,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    ...(version === 5 && {
      properties: { sessionExpiryInterval: 0, receiveMaximum: RECEIVE_MAXIMUM, maximumPacketSize: MAX_PACKET_BYTES },
    }),
    ...(endpoint.tls && credentials && { ...credentials, rejectUnauthorized: true, minVersion: 'TLSv1.2' as const }),
    // AWS IoT Core serves MQTT on port 443 under this ALPN name.
    ...(endpoint.port === 443 && { ALPNProtocols: ['x-amzn-mqtt-ca'] }),
  };
}
