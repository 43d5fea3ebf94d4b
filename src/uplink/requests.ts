// Sends requests over MQTT and waits for their answers. AWS IoT Core answers a request on its topic plus `/accepted` or `/rejected`. The
// answer to a command is its result message.
import { randomBytes } from 'node:crypto';
import { messageOf, parseJson } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type Result, result as resultSchema, topicsOf } from '../wire/index.ts';
import { ConnectError, within } from './connectError.ts';
import { type BrokerAccess, type DialOptions, dial } from './dialer.ts';
import type { Link, Message, Session } from './session.ts';

export interface Answer {
  readonly accepted: boolean;
  /** The parsed JSON; undefined if the payload is not JSON. */
  readonly body: unknown;
}

export class Requester {
  readonly #link: Pick<Link, 'subscribe' | 'publish' | 'ended'>;
  readonly #waiting = new Map<string, (message: Message) => void>();

  constructor(link: Pick<Link, 'subscribe' | 'publish' | 'ended'>) {
    this.#link = link;
  }

  /** Handles a message if it answers a pending request. @returns whether it does. */
  receive(message: Message): boolean {
    const resolve = this.#waiting.get(message.topic);
    resolve?.(message);
    return resolve !== undefined;
  }

  /** Only one request may be pending per topic. @throws ConnectError if the broker refuses the request or no answer arrives in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    const [accepted, rejected] = [`${topic}/accepted`, `${topic}/rejected`];
    try {
      // Subscribe before publishing, or the answer could arrive too early and be lost.
      await this.#link.subscribe([accepted, rejected]);
      const answer = new Promise<Answer>((resolve, reject) => {
        this.#waiting.set(accepted, ({ payload }) => resolve({ accepted: true, body: parseJson(payload) }));
        this.#waiting.set(rejected, ({ payload }) => resolve({ accepted: false, body: parseJson(payload) }));
        void this.#link.ended.then(() =>
          reject(new ConnectError(`the broker closed the connection after the request on ${topic}`, 'NOT_ALLOWED')),
        );
        this.#link.publish(topic, JSON.stringify(body), (error) => {
          if (error) reject(new ConnectError(`the broker refused the request on ${topic}: ${error.message}`, 'NOT_ALLOWED'));
        });
      });
      return await within(answer, timeoutMs, `no answer on ${topic}`);
    } finally {
      this.#waiting.delete(accepted);
      this.#waiting.delete(rejected);
    }
  }
}

/** Opens a connection that is used for requests only. @throws ConnectError */
export async function dialForRequests(options: Omit<DialOptions, 'onMessage'>, signal: AbortSignal) {
  let receive: (message: Message) => void = () => {};
  const session = await dial({ ...options, onMessage: (message) => receive(message) }, signal);
  const requester = new Requester(session);
  receive = (message) => void requester.receive(message);
  return { ask: (topic: string, body: object) => requester.ask(topic, body, options.timeoutMs), close: () => session.close() };
}

export interface CallOptions extends BrokerAccess {
  readonly topicPrefix: string;
  readonly id: string;
  readonly payload: string;
  /** The command's message expiry, in whole seconds: if it is still undelivered then, the broker discards it. */
  readonly expiresInS: number;
}

/**
 * Sends a command over a separate connection, as the cloud would, so that commands can be tried without a cloud.
 * @returns undefined if no result arrives in time.
 * @throws AgentError BROKER_UNREACHABLE
 */
export async function call(options: CallOptions): Promise<Result | undefined> {
  const topics = topicsOf(options.topicPrefix);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  let answered: (result: Result) => void = () => {};
  const answer = new Promise<Result | undefined>((resolve) => {
    answered = resolve;
    deadline.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const session = await connect(options, deadline, ({ payload }) => {
    const result = resultSchema.safeParse(parseJson(payload)).data;
    if (result?.id === options.id) answered(result);
  });
  try {
    await session.subscribe([topics.results]);
    session.publish(topics.commands, options.payload, () => {}, options.expiresInS);
    return await Promise.race([answer, session.ended.then(() => undefined)]);
  } finally {
    await session.close();
  }
}

async function connect(options: CallOptions, signal: AbortSignal, onMessage: (message: Message) => void): Promise<Session> {
  const { host, port } = options;
  try {
    return await dial({ ...options, clientId: `elderly-bot-send-${randomBytes(4).toString('hex')}`, onMessage }, signal);
  } catch (cause) {
    throw new AgentError('BROKER_UNREACHABLE', `no connection to ${host}${port === undefined ? '' : `:${port}`}: ${messageOf(cause)}`, {
      remedy: 'check mqtt.endpoint, that the broker runs, and that it accepts this certificate',
      cause,
    });
  }
}
