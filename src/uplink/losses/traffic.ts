// Watches the packets of one connection, so that its end can be explained: how long it was idle, and whether a ping had no answer.
import type { Packet } from 'mqtt';
import { every, type Ticker } from '../../base/index.ts';

/** The state of a connection's packets, now or at its end. */
export interface TrafficState {
  /** Milliseconds since the TCP connection was made. A proxy measures its time limit from there, and handshakes take different times. */
  readonly ageMs: number;
  /** Milliseconds since the last packet in either direction. */
  readonly idleMs: number;
  /** Whether a ping has no answer yet. */
  readonly isPinging: boolean;
}

export const NO_TRAFFIC: TrafficState = { ageMs: 0, idleMs: 0, isPinging: false };

/** The events of an MQTT.js client that are used here. */
interface PacketSource {
  on(event: 'packetsend' | 'packetreceive', heard: (packet: Packet) => void): unknown;
  on(event: 'close', heard: () => void): unknown;
}

export class Traffic implements TrafficState {
  readonly #connectedMs: number;
  #lastMs = performance.now();
  #endedMs: number | undefined;
  #isPinging = false;

  /** @param connectedMs when the TCP connection was made, by `performance.now()`. */
  constructor(client: PacketSource, connectedMs: number) {
    this.#connectedMs = connectedMs;
    client.on('packetsend', ({ cmd }) => {
      this.#lastMs = performance.now();
      if (cmd === 'pingreq') this.#isPinging = true;
    });
    client.on('packetreceive', ({ cmd }) => {
      // The broker's DISCONNECT belongs to the end.
      if (cmd !== 'disconnect') this.#lastMs = performance.now();
      if (cmd === 'pingresp') this.#isPinging = false;
    });
    client.on('close', () => {
      this.#endedMs ??= performance.now();
    });
  }

  get ageMs(): number {
    return this.#presentMs - this.#connectedMs;
  }

  get idleMs(): number {
    return this.#presentMs - this.#lastMs;
  }

  get isPinging(): boolean {
    return this.#isPinging;
  }

  get #presentMs(): number {
    return this.#endedMs ?? performance.now();
  }
}

/** Looks so often in each interval whether a ping is due, so that a connection is idle for at most one interval. */
const LOOKS = 8;

/** Pings whenever the connection has been idle for almost `everyMs`, until the ticker is stopped. */
export function pingWhenIdle(traffic: Pick<TrafficState, 'idleMs'>, everyMs: number, ping: () => void): Ticker {
  const dueMs = everyMs * (1 - 1 / LOOKS);
  return every(everyMs / LOOKS, () => {
    if (traffic.idleMs >= dueMs) ping();
  });
}
