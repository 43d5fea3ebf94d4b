// Checks whether the broker lets the robot connect, and publish or subscribe to each of its topics. The doctor calls it only if no agent is
// running, because the probe uses the agent's client id and would end its connection. It publishes empty messages, which the cloud ignores.
import { DOWNWARD, topicsOf, UPWARD } from '../wire/index.ts';
import { isUnanswered, within } from './connectError.ts';
import { type BrokerAccess, type DialOptions, dial } from './dialer.ts';
import { publishAcknowledged, type Session } from './session.ts';

/** `timeoutMs` limits each connection attempt and each wait for a PUBACK. */
export interface ProbeOptions extends BrokerAccess, Pick<DialOptions, 'known'> {
  readonly thing: string;
  readonly topicPrefix: string;
}

export interface Probed {
  readonly port: number;
  readonly version: 4 | 5;
  readonly connectMs: number;
  readonly refusedSubscriptions: readonly string[];
  readonly refusedPublications: readonly string[];
}

/** @throws ConnectError if a connection fails, or the broker does not answer a request. */
export async function probe(options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const { timeoutMs } = options;
  const topics = topicsOf(options.topicPrefix);
  const connect = () => dial({ ...options, clientId: options.thing, onMessage: () => {} }, signal);
  const startedMs = performance.now();
  let session: Session | undefined = await connect();
  const connectMs = Math.round(performance.now() - startedMs);
  const { version } = session;
  const { port } = session.path;
  // IoT Core closes the connection after a forbidden request, so reconnect if necessary before trying the next topic.
  const refusedOf = async (candidates: readonly string[], request: (session: Session, topic: string) => Promise<void>) => {
    const refused: string[] = [];
    for (const topic of candidates) {
      session ??= await connect();
      if (await isRefused(request(session, topic))) refused.push(topic);
      if (await hasEnded(session)) session = undefined;
    }
    return refused;
  };
  try {
    const refusedSubscriptions = await refusedOf(
      DOWNWARD.map((name) => topics[name]),
      (asked, topic) => asked.subscribe([topic]),
    );
    const refusedPublications = await refusedOf(
      UPWARD.map((name) => topics[name]),
      (asked, topic) => within(publishAcknowledged(asked, topic, ''), timeoutMs, `${topic} has no acknowledgement`),
    );
    return { port, version, connectMs, refusedSubscriptions, refusedPublications };
  } finally {
    await session?.close();
  }
}

/** Whether the request failed, by an error code or because the broker closed the connection. @throws ConnectError if it has no answer */
async function isRefused(answer: Promise<void>): Promise<boolean> {
  try {
    await answer;
    return false;
  } catch (error) {
    if (error instanceof Error && isUnanswered(error)) throw error;
    return true;
  }
}

async function hasEnded(session: Session): Promise<boolean> {
  return Promise.race([session.ended.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);
}
