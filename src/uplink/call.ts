// Sends one command over a connection of its own, as the cloud would, and waits for the result. A person at a bench uses it.
import { randomBytes } from 'node:crypto';
import { messageOf, parseJson } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type Result, result as resultSchema, topicsOf } from '../wire/index.ts';
import { type BrokerAccess, dial } from './brokerRoute.ts';
import type { Message, Session } from './session.ts';

export interface CallOptions extends BrokerAccess {
  readonly topicPrefix: string;
  readonly id: string;
  readonly payload: string;
  /** Whole seconds after which the broker discards an undelivered command. */
  readonly expiresInS: number;
}

/** @returns undefined if no result arrives in time. @throws AgentError BROKER_UNREACHABLE */
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
