// Scripts of brokers that several situations use.
import type { IPublishPacket } from 'mqtt-packet';
import type { Wire } from '../support/packetServer.ts';
import type { Script } from '../support/scriptedBroker.ts';

/** A broker that refuses some messages with this reason code; by default those with readings and alerts. */
export function refusing(reasonCode: number, fits = ({ topic }: IPublishPacket) => topic.endsWith('/telemetry')): Script {
  return {
    onPublish: (packet, wire) => {
      if (!fits(packet)) return true;
      wire.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode });
      return false;
    },
  };
}

/** A broker that refuses each connection with this reason code. */
export function refusingConnect(reasonCode: number): Script {
  return {
    onConnect: (wire) => {
      wire.send({ cmd: 'connack', reasonCode, sessionPresent: false });
      return false;
    },
  };
}

/**
 * A broker that cuts the connection instead of the acknowledgement of chosen messages; by default of every message.
 * @param reasonCode of the DISCONNECT before it; undefined for a broker that gives no reason.
 */
export function cutting(reasonCode: number | undefined, fits: (published: number) => boolean = () => true): Script {
  return {
    onPublish: (_packet, wire, published) => {
      if (!fits(published)) return true;
      if (reasonCode === undefined) wire.cut();
      else endWith(wire, reasonCode);
      return false;
    },
  };
}

/** Sends a DISCONNECT and closes the connection. */
export function endWith(wire: Wire, reasonCode: number): void {
  wire.send({ cmd: 'disconnect', reasonCode });
  wire.end();
}

/** A broker that knows only MQTT 3.1.1. @param returnCode its answer to a CONNECT of that version. */
export function oldBroker(returnCode = 0): Script {
  return {
    onConnect: (wire, _connects, { protocolVersion }) => {
      const isKnown = protocolVersion === 4;
      if (isKnown && returnCode === 0) return true;
      wire.send({ cmd: 'connack', reasonCode: 0x84, returnCode, sessionPresent: false });
      return false;
    },
  };
}
