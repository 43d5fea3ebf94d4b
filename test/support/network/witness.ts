// Hears every message of the robot through the broker's Unix socket or a loopback port, so that no fault of the network delays it, and notes
// the time.
import { connect } from 'node:net';
import { MqttClient } from 'mqtt';
import { type Reading, telemetry, topicsOf, UPWARD } from '../../../src/wire/index.ts';
import { eventually } from '../until.ts';

/** Shorter than a robot's shortest wait, so that the witness reconnects first. */
const RECONNECT_MS = 20;

export interface Witnessed {
  /** The last level of the topic. */
  readonly channel: string;
  readonly payload: Buffer;
  /** CLOCK_MONOTONIC, which is the same in all programs of this machine. */
  readonly ns: number;
}

export class Witness {
  readonly messages: Witnessed[] = [];
  readonly #client: MqttClient;

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on('error', () => {});
    client.on('message', (topic, payload) => {
      this.messages.push({ channel: topic.slice(topic.lastIndexOf('/') + 1), payload, ns: monotonicNs() });
    });
  }

  static async start(at: string | number, prefix = 'elderly_bot'): Promise<Witness> {
    const witness = new Witness(clientOver(at));
    const topics = topicsOf(prefix);
    await witness.#client.subscribeAsync(
      UPWARD.map((name) => topics[name]),
      { qos: 1 },
    );
    return witness;
  }

  /** The readings so far, each with the time of its message. */
  readings(): readonly { readonly ns: number; readonly reading: Reading }[] {
    return this.messages
      .filter(({ channel }) => channel === 'telemetry' || channel === 'backlog')
      .flatMap(({ payload, ns }) => telemetry.parse(JSON.parse(payload.toString())).readings.map((reading) => ({ ns, reading })));
  }

  /** The times at which this channel's alerts arrived, in that order. A repeated message counts once. */
  raised(channel: string): readonly number[] {
    return [...this.incidents(channel).values()];
  }

  /** The same times by the alert's incident. */
  incidents(channel: string): ReadonlyMap<string, number> {
    const times = new Map<string, number>();
    for (const { ns, reading } of this.readings()) {
      const [, , name, , extra] = reading;
      if (name !== channel || extra?.alert !== 'raised' || extra.incident === undefined) continue;
      if (!times.has(extra.incident)) times.set(extra.incident, ns);
    }
    return times;
  }

  /** Resolves with the time at which the n-th alert of this channel (from 1) arrived. */
  async alert(channel: string, n: number, patienceMs: number): Promise<number> {
    const enough = (times: readonly number[]) => times.length >= n;
    const times = await eventually(() => this.raised(channel), enough, `alert ${n} of ${channel} is at the broker`, {
      patienceMs,
      everyMs: 20,
    });
    return times[n - 1] ?? Number.NaN;
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}

/** An MQTT client over the broker's Unix socket, or over a loopback port without TLS. */
export function clientOver(at: string | number): MqttClient {
  return new MqttClient(() => (typeof at === 'string' ? connect(at) : connect(at, '127.0.0.1')), {
    protocolVersion: 5,
    reconnectPeriod: RECONNECT_MS,
  });
}

export const monotonicNs = (): number => Number(process.hrtime.bigint());
