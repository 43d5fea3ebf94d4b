// Scripts of brokers that several situations use.
import type { IPublishPacket } from 'mqtt-packet';
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
      if (reasonCode !== undefined) wire.send({ cmd: 'disconnect', reasonCode });
      wire.cut();
      return false;
    },
  };
}
