// The limits that an MQTT 5 broker announces in its CONNACK. Pure.
import { MAX_MESSAGE_BYTES } from '../wire/index.ts';

export interface BrokerLimits {
  readonly maxPacketBytes: number;
  /** The broker's Receive Maximum: how many messages may be in flight to it. */
  readonly maxInFlight: number;
}

/** MQTT 3.1.1 has no limits, and these are MQTT 5's defaults (OASIS MQTT 5, 3.2.2.3). */
export const NO_LIMITS: BrokerLimits = { maxPacketBytes: Number.POSITIVE_INFINITY, maxInFlight: 65_535 };

/** Below this limit not even a presence without commands, or an alert with a short text, would fit. */
export const LEAST_PACKET_BYTES = 2_048;

/** The header of a PUBLISH without its topic: type and length 5 bytes, length of the topic 2, packet identifier 2, properties 6. */
const HEADER_BYTES = 15;

export function limitsOf(announced: { readonly maximumPacketSize?: number; readonly receiveMaximum?: number } | undefined): BrokerLimits {
  return {
    maxPacketBytes: announced?.maximumPacketSize ?? NO_LIMITS.maxPacketBytes,
    maxInFlight: announced?.receiveMaximum ?? NO_LIMITS.maxInFlight,
  };
}

/** Returns how long a payload on this topic may be. */
export function payloadLimit({ maxPacketBytes }: Pick<BrokerLimits, 'maxPacketBytes'>, topic: string): number {
  return Math.min(MAX_MESSAGE_BYTES, maxPacketBytes - HEADER_BYTES - Buffer.byteLength(topic));
}

/**
 * Returns how many messages the pump may have in flight: alerts, and the others, which leave slots to alerts if there are enough. One slot
 * is left to the presence.
 */
export function windowsOf({ maxInFlight }: Pick<BrokerLimits, 'maxInFlight'>, window: number, alertSlots: number) {
  const slots = Math.max(1, maxInFlight - 1);
  return { alerts: Math.min(window + alertSlots, slots), others: Math.max(1, Math.min(window, slots - alertSlots)) };
}

/** Returns the limit to assume after the broker closed the connection because of a message. @param bytes the largest one in flight. */
export function smallerLimit(bytes: number): number {
  return Math.max(LEAST_PACKET_BYTES, Math.ceil(bytes / 2));
}
