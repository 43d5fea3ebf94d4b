// Sends requests over MQTT in the AWS form: the answer to a request arrives on its topic plus `/accepted` or `/rejected`.
import { parseJson } from '../base/index.ts';
import { type DialOptions, dial } from './brokerRoute.ts';
import { ConnectError, type Link, type Message, within } from './session.ts';

export interface Answer {
  readonly accepted: boolean;
  /** Parsed JSON; undefined if the payload is not JSON. */
  readonly body: unknown;
}

export class Requester {
  readonly #link: Pick<Link, 'subscribe' | 'publish' | 'ended'>;
  readonly #waiting = new Map<string, (message: Message) => void>();

  constructor(link: Pick<Link, 'subscribe' | 'publish' | 'ended'>) {
    this.#link = link;
  }

  /** @returns whether the message is the answer to a request. */
  receive(message: Message): boolean {
    const resolve = this.#waiting.get(message.topic);
    resolve?.(message);
    return resolve !== undefined;
  }

  /** The caller must make one request at a time on a topic. @throws ConnectError if the broker refuses it, or no answer arrives in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    const [accepted, rejected] = [`${topic}/accepted`, `${topic}/rejected`];
    try {
      // The subscription must precede the request, or the answer could be lost.
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
      return await within(answer, timeoutMs, `no answer on ${topic} within ${timeoutMs / 1_000} s`);
    } finally {
      this.#waiting.delete(accepted);
      this.#waiting.delete(rejected);
    }
  }
}

/** Opens a separate connection for requests. @throws ConnectError */
export async function dialForRequests(options: Omit<DialOptions, 'onMessage'>, signal: AbortSignal) {
  let receive: (message: Message) => void = () => {};
  const session = await dial({ ...options, onMessage: (message) => receive(message) }, signal);
  const requester = new Requester(session);
  receive = (message) => void requester.receive(message);
  return { ask: (topic: string, body: object) => requester.ask(topic, body, options.timeoutMs), close: () => session.close() };
}
