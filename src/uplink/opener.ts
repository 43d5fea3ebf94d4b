// Opens the uplink's connections. Each has a session id of its own, which its last will contains.
import { randomBytes } from 'node:crypto';
import { isAbsent } from '../identity/index.ts';
import type { Topics } from '../wire/index.ts';
import { refusesVersion } from './causes.ts';
import { ConnectError, NO_CERTIFICATE } from './connectError.ts';
import type { CredentialSwitch } from './credentialTest.ts';
import type { Dialer, Search } from './dialer.ts';
import { LastWill } from './lastWill.ts';
import { watchNames } from './nameWatch.ts';
import { nameOf, type Path } from './network/path.ts';
import type { UplinkOptions } from './options.ts';
import type { PresencePublisher } from './presence.ts';
import { type Link, type Message, Session } from './session.ts';

export interface Opened {
  readonly session: Link;
  /** The session id, as published in presence. */
  readonly id: string;
  /** If the connection has no last will: the time after which another one with it is worth its cost, in milliseconds. */
  readonly renewAfterMs: number | undefined;
  /** The name of the path, if it is known. */
  readonly path: string | undefined;
  /** How long it took to open, in milliseconds. */
  readonly tookMs: number;
}

export interface OpenerParts
  extends Pick<
    UplinkOptions,
    'host' | 'thing' | 'clock' | 'problems' | 'backoff' | 'keepaliveMs' | 'connectTimeoutMs' | 'connect' | 'memory'
  > {
  readonly dialer: Dialer;
  readonly credentials: CredentialSwitch;
  readonly presence: PresencePublisher;
  readonly topics: Topics;
  readonly onMessage: (message: Message) => void;
  /** How long a connection may be idle before a ping; undefined if the keepalive suffices. */
  readonly pingEveryMs: () => number | undefined;
}

export class Opener {
  readonly #parts: OpenerParts;
  readonly #lastWill: LastWill;

  constructor(parts: OpenerParts) {
    this.#parts = parts;
    this.#lastWill = new LastWill({ ...parts, topic: parts.topics.presence });
  }

  /**
   * Opens a connection with the credentials that are being tested, or else with the present ones.
   * @param ready awaited once a path is secured, before the CONNECT, which ends the robot's other session at the broker.
   * @throws ConnectError
   */
  async open(search: Search, signal: AbortSignal, ready: () => Promise<void> = () => Promise.resolve()): Promise<Opened> {
    const { thing, clock, keepaliveMs, connectTimeoutMs, connect = Session.connect, ...parts } = this.#parts;
    const credentials = parts.credentials.pending?.credentials ?? parts.credentials.current;
    if (isAbsent(credentials)) throw new ConnectError('the agent found no usable certificate when it started', NO_CERTIFICATE);
    const id = randomBytes(8).toString('hex');
    const startedMs = clock.mono();
    const will = this.#lastWill.decide() && { topic: parts.topics.presence, payload: JSON.stringify(parts.presence.will(id)) };
    let tried: Path | undefined;
    const session = await connect(
      {
        open: async (stop) => {
          const transport = await parts.dialer.open(search, credentials, connectTimeoutMs, stop);
          try {
            await ready();
          } catch (error) {
            transport.socket.destroy();
            throw error;
          }
          tried = transport.path;
          return transport;
        },
        clientId: thing,
        keepaliveMs,
        pingEveryMs: parts.pingEveryMs(),
        answerTimeoutMs: connectTimeoutMs,
        version: parts.dialer.version,
        will: will || undefined,
        onMessage: parts.onMessage,
      },
      signal,
    ).catch((error: unknown) => {
      const reason = error instanceof ConnectError ? error.reason : undefined;
      if (tried && reason !== 'ABORTED' && !refusesVersion(reason)) parts.dialer.recordFailure(tried);
      if (tried && error instanceof ConnectError) this.#lastWill.refused(error);
      throw error;
    });
    const { path } = session;
    if (path) parts.dialer.recordSuccess(path);
    parts.memory.saveBroker(parts.dialer.known);
    watchNames(parts.dialer, parts.problems, session.ended);
    return { session, id, renewAfterMs: this.#lastWill.connected(), path: path && nameOf(path), tookMs: clock.mono() - startedMs };
  }
}
