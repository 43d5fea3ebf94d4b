// Requests over MQTT as AWS defines them: the answer to a request on a topic comes on its `/accepted` or its `/rejected`.
import { parseJson } from '../base/index.ts';
import { type DialOptions, dial } from './dial.ts';
import { ConnectError, type Link, type Message } from './session.ts';

export interface Answer {
  readonly accepted: boolean;
  /** Parsed JSON; undefined if the payload is not JSON. */
  readonly body: unknown;
}

export class Asker {
  readonly #link: Pick<Link, 'subscribe' | 'publish' | 'ended'>;
  readonly #waiting = new Map<string, (message: Message) => void>();

  constructor(link: Pick<Link, 'subscribe' | 'publish' | 'ended'>) {
    this.#link = link;
  }

  /** @returns whether the message was an answer. */
  receive(message: Message): boolean {
    const take = this.#waiting.get(message.topic);
    take?.(message);
    return take !== undefined;
  }

  /** One request at a time on a topic. @throws ConnectError if the broker refuses it, or no answer comes in time. */
  async ask(topic: string, body: object, timeoutMs: number): Promise<Answer> {
    const [accepted, rejected] = [`${topic}/accepted`, `${topic}/rejected`];
    let timer: NodeJS.Timeout | undefined;
    try {
      // Subscribed first: an answer that comes before the subscription is lost.
      await this.#link.subscribe([accepted, rejected]);
      return await new Promise<Answer>((resolve, reject) => {
        timer = setTimeout(() => reject(new ConnectError(`no answer on ${topic} within ${timeoutMs / 1_000} s`, 'NO_ANSWER')), timeoutMs);
        this.#waiting.set(accepted, ({ payload }) => resolve({ accepted: true, body: parseJson(payload) }));
        this.#waiting.set(rejected, ({ payload }) => resolve({ accepted: false, body: parseJson(payload) }));
        void this.#link.ended.then(() =>
          reject(new ConnectError(`the broker closed the connection when ${topic} was asked`, 'NOT_ALLOWED')),
        );
        this.#link.publish(topic, JSON.stringify(body), (error) => {
          if (error) reject(new ConnectError(`the broker refused what was asked on ${topic}: ${error.message}`, 'NOT_ALLOWED'));
        });
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(accepted);
      this.#waiting.delete(rejected);
    }
  }
}

export interface AskingConnection {
  ask(topic: string, body: object): Promise<Answer>;
  close(): Promise<void>;
}

/** A separate connection for requests. @throws ConnectError */
export async function dialToAsk(options: Omit<DialOptions, 'onMessage'>, signal: AbortSignal): Promise<AskingConnection> {
  let receive: (message: Message) => void = () => {};
  const session = await dial({ ...options, onMessage: (message) => receive(message) }, signal);
  const asker = new Asker(session);
  receive = (message) => void asker.receive(message);
  return { ask: (topic, body) => asker.ask(topic, body, options.timeoutMs), close: () => session.close() };
}
