// Measures the link to the broker on a topic that has no other subscribers: round-trip times, acknowledged messages per second, and the
// time from a cut connection to the next acknowledgement. It uses its own client id, so an agent may be running at the same time.
import { randomBytes } from 'node:crypto';
import { within } from './connectError.ts';
import { type BrokerAccess, dial } from './dialer.ts';
import { publishAcknowledged, type Session } from './session.ts';

export interface MeasureOptions extends Omit<BrokerAccess, 'timeoutMs'> {
  /** The topic to publish and subscribe to. */
  readonly topic: string;
  /** How long to measure throughput. */
  readonly seconds: number;
  readonly onStep: (step: string) => void;
}

export interface Measured {
  readonly mqtt_version: 4 | 5;
  readonly connect_ms: number;
  /** Times from publish to PUBACK, with one message in flight at a time. */
  readonly ack_ms: readonly number[];
  /** Times from publish to the receipt of the same message. */
  readonly round_trip_ms: readonly number[];
  readonly payload_bytes: number;
  readonly window: number;
  /** How many messages were acknowledged in each second. */
  readonly per_second: readonly number[];
  /** Times from a cut without a DISCONNECT to the first acknowledgement on a new connection. */
  readonly outage_ms: readonly number[];
}

/** One metering step of IoT Core. */
const PAYLOAD_BYTES = 5 * 1024;
const SMALL_BYTES = 200;
const PINGS = 200;
const MAX_PINGS_MS = 10_000;
const WINDOW = 20;
const CUTS = 5;
const ANSWER_WITHIN_MS = 10_000;

/** @throws ConnectError if the connection fails, if the broker refuses the topic or does not answer, or if the signal is aborted. */
export async function measure(options: MeasureOptions, signal: AbortSignal): Promise<Measured> {
  const { topic, onStep } = options;
  let onMessage = () => {};
  onStep('connecting');
  const startedMs = performance.now();
  let session = await connect(options, () => onMessage(), signal);
  const { version } = session;
  const connectMs = performance.now() - startedMs;
  const stop = () => session.drop();
  signal.addEventListener('abort', stop);
  try {
    await session.subscribe([topic]);
    const [acks, trips]: [number[], number[]] = [[], []];
    const untilMs = performance.now() + MAX_PINGS_MS;
    for (let i = 0; i < PINGS && performance.now() < untilMs; i++) {
      onStep(`latency ${i + 1} of ${PINGS}`);
      const sentMs = performance.now();
      const returned = new Promise<void>((resolve) => (onMessage = resolve));
      await acknowledged(session, topic, randomBytes(SMALL_BYTES));
      acks.push(performance.now() - sentMs);
      await answered(Promise.race([returned, session.ended]));
      trips.push(performance.now() - sentMs);
    }
    await session.close();
    // Reconnect without the subscription, because receiving every message back would halve the throughput.
    session = await connect(options, () => {}, signal);
    const perSecond = await flood(session, options);
    const outages: number[] = [];
    for (let i = 0; i < CUTS; i++) {
      onStep(`outage ${i + 1} of ${CUTS}`);
      session.drop();
      await session.ended;
      const cutMs = performance.now();
      session = await connect(options, () => {}, signal);
      await acknowledged(session, topic, randomBytes(SMALL_BYTES));
      outages.push(performance.now() - cutMs);
    }
    return {
      mqtt_version: version,
      connect_ms: connectMs,
      ack_ms: acks,
      round_trip_ms: trips,
      payload_bytes: PAYLOAD_BYTES,
      window: WINDOW,
      per_second: perSecond,
      outage_ms: outages,
    };
  } finally {
    signal.removeEventListener('abort', stop);
    await session.close();
  }
}

/** Keeps a full window of messages in flight. @returns how many messages were acknowledged in each second. */
async function flood(session: Session, { topic, seconds, onStep }: MeasureOptions): Promise<number[]> {
  const payload = randomBytes(PAYLOAD_BYTES);
  const counts = Array.from({ length: seconds }, () => 0);
  const startedMs = performance.now();
  const second = () => Math.floor((performance.now() - startedMs) / 1_000);
  const publishInTurn = async () => {
    while (second() < seconds) {
      await acknowledged(session, topic, payload);
      const now = second();
      if (now < seconds) counts[now] = (counts[now] ?? 0) + 1;
    }
  };
  const progress = setInterval(() => onStep(`throughput, second ${second() + 1} of ${seconds}`), 1_000);
  try {
    await Promise.all(Array.from({ length: WINDOW }, publishInTurn));
  } finally {
    clearInterval(progress);
  }
  return counts;
}

function acknowledged(session: Session, topic: string, payload: Buffer): Promise<void> {
  return answered(publishAcknowledged(session, topic, payload));
}

function answered<T>(work: Promise<T>): Promise<T> {
  return within(work, ANSWER_WITHIN_MS, 'no answer');
}

async function connect(
  { host, port, interfaces, credentials }: MeasureOptions,
  onMessage: () => void,
  signal: AbortSignal,
): Promise<Session> {
  signal.throwIfAborted();
  const clientId = `elderly-bot-bench-${randomBytes(4).toString('hex')}`;
  return dial({ host, port, interfaces, credentials, clientId, timeoutMs: ANSWER_WITHIN_MS, onMessage }, signal);
}
