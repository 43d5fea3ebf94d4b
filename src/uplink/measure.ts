// Measures a link on a topic without other subscribers: the round trip of a message, the acknowledged messages per second, and the time from a
// cut to the next acknowledgement. The client id is separate, so an agent may run meanwhile.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../identity/index.ts';
import { dial } from './dial.ts';
import { ConnectError, type Session } from './session.ts';

export interface MeasureOptions {
  readonly host: string;
  /** Undefined: 8883, then 443 with ALPN. */
  readonly port: number | undefined;
  readonly credentials: Credentials;
  /** The topic on which the measurement publishes to itself. */
  readonly topic: string;
  /** How long throughput is measured. */
  readonly seconds: number;
  readonly onStep: (what: string) => void;
}

export interface Measured {
  readonly mqtt_version: 4 | 5;
  readonly connect_ms: number;
  /** Publish to PUBACK, and publish to the message's return, one after the other, in milliseconds. */
  readonly ack_ms: readonly number[];
  readonly round_trip_ms: readonly number[];
  readonly payload_bytes: number;
  readonly window: number;
  /** Acknowledged in each whole second. */
  readonly per_second: readonly number[];
  /** A cut without a word, until the next message is acknowledged on a new connection. */
  readonly outage_ms: readonly number[];
}

/** One metering step of IoT Core. */
const PAYLOAD_BYTES = 5 * 1024;
const SMALL_BYTES = 200;
const PINGS = 200;
const PINGS_AT_MOST_MS = 10_000;
const WINDOW = 20;
const CUTS = 5;
const ANSWER_WITHIN_MS = 10_000;

/** @throws ConnectError if no connection is made, or the broker refuses the topic. */
export async function measure(options: MeasureOptions, signal: AbortSignal): Promise<Measured> {
  let returned: () => void = () => {};
  const onMessage = () => returned();
  options.onStep('connecting');
  const startedMs = performance.now();
  let session = await connect(options, onMessage, signal);
  const { version } = session;
  const connectMs = performance.now() - startedMs;
  try {
    await session.subscribe([options.topic]);
    const [acks, trips]: [number[], number[]] = [[], []];
    const untilMs = performance.now() + PINGS_AT_MOST_MS;
    for (let i = 0; i < PINGS && performance.now() < untilMs; i++) {
      options.onStep(`latency ${i + 1} of ${PINGS}`);
      const sentMs = performance.now();
      const back = new Promise<void>((resolve) => {
        returned = resolve;
      });
      await acknowledged(session, options.topic, randomBytes(SMALL_BYTES), signal);
      acks.push(performance.now() - sentMs);
      await within(back, signal);
      trips.push(performance.now() - sentMs);
    }
    await session.close();
    // A subscriber of the same program would halve it.
    session = await connect(options, () => {}, signal);
    const perSecond = await flood(session, options, signal);
    const outages: number[] = [];
    for (let i = 0; i < CUTS; i++) {
      options.onStep(`outage ${i + 1} of ${CUTS}`);
      session.drop();
      await session.ended;
      const cutMs = performance.now();
      session = await connect(options, () => {}, signal);
      await acknowledged(session, options.topic, randomBytes(SMALL_BYTES), signal);
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
    await session.close();
  }
}

/** Keeps a window of messages on their way. @returns how many were acknowledged in each second. */
async function flood(session: Session, { topic, seconds, onStep }: MeasureOptions, signal: AbortSignal): Promise<number[]> {
  const payload = randomBytes(PAYLOAD_BYTES);
  const counts = Array.from({ length: seconds }, () => 0);
  const startedMs = performance.now();
  const second = () => Math.floor((performance.now() - startedMs) / 1_000);
  const oneByOne = async () => {
    while (second() < seconds) {
      await acknowledged(session, topic, payload, signal);
      const now = second();
      if (now < seconds) counts[now] = (counts[now] ?? 0) + 1;
    }
  };
  const told = setInterval(() => onStep(`throughput, second ${second() + 1} of ${seconds}`), 1_000);
  try {
    await Promise.all(Array.from({ length: WINDOW }, oneByOne));
  } finally {
    clearInterval(told);
  }
  return counts;
}

/** @throws ConnectError if the broker refuses the message, or does not answer. */
function acknowledged(session: Session, topic: string, payload: Buffer, signal: AbortSignal): Promise<void> {
  const answer = new Promise<void>((resolve, reject) => {
    session.publish(topic, payload, (error) => (error ? reject(new ConnectError(error.message, 135)) : resolve()));
    void session.ended.then((reason) => reject(reason ?? new ConnectError('the broker closed the connection', 'ECONNRESET')));
  });
  return within(answer, signal);
}

async function within(what: Promise<void>, signal: AbortSignal): Promise<void> {
  const ending = new AbortController();
  const late = sleep(ANSWER_WITHIN_MS, undefined, { signal: AbortSignal.any([signal, ending.signal]) }).then(() => {
    throw new ConnectError(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`, 'ETIMEDOUT');
  });
  late.catch(() => {});
  await Promise.race([what, late]);
  ending.abort();
}

function connect({ host, port, credentials }: MeasureOptions, onMessage: () => void, signal: AbortSignal): Promise<Session> {
  const clientId = `elderly-bot-bench-${randomBytes(4).toString('hex')}`;
  return dial({ host, port, credentials, clientId, timeoutMs: ANSWER_WITHIN_MS, onMessage }, signal);
}
