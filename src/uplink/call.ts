// One command as the cloud would send it, and its result: a connection of its own, for a person at a bench.
import { randomBytes } from 'node:crypto';
import { messageOf, parseJson } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import type { Credentials } from '../identity/index.ts';
import { type Result, result as resultSchema, topicsOf } from '../wire/index.ts';
import { dial } from './dial.ts';
import type { Session } from './session.ts';

export interface CallOptions {
  readonly host: string;
  /** Undefined: 8883, or 443. */
  readonly port: number | undefined;
  readonly credentials: Credentials;
  readonly topicPrefix: string;
  readonly id: string;
  readonly payload: string;
  /** How long the broker may hold the command, in whole seconds. */
  readonly expiresInS: number;
  readonly timeoutMs: number;
}

/** @returns undefined when no result came in time. @throws AgentError BROKER_UNREACHABLE */
export async function call(options: CallOptions): Promise<Result | undefined> {
  const topics = topicsOf(options.topicPrefix);
  const deadline = AbortSignal.timeout(options.timeoutMs);
  let answered: (result: Result) => void = () => {};
  const answer = new Promise<Result | undefined>((resolve) => {
    answered = resolve;
    deadline.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const session = await connect(options, deadline, (payload) => {
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

async function connect(options: CallOptions, signal: AbortSignal, onPayload: (payload: Buffer) => void): Promise<Session> {
  const { host, port } = options;
  const clientId = `elderly-bot-send-${randomBytes(4).toString('hex')}`;
  try {
    return await dial({ ...options, clientId, onMessage: ({ payload }) => onPayload(payload) }, signal);
  } catch (cause) {
    throw new AgentError('BROKER_UNREACHABLE', `no connection to ${host}${port === undefined ? '' : `:${port}`}: ${messageOf(cause)}`, {
      remedy: 'check mqtt.endpoint, that the broker runs, and that it knows this certificate',
      cause,
    });
  }
}
