// Quality of service as rmw counts it (rmw/types.h), and whether two ends match.
import type { EndpointInfo, QosProfile } from './types.ts';

export interface NativeQos {
  readonly history: number;
  readonly depth: number;
  readonly reliability: number;
  readonly durability: number;
  readonly liveliness: number;
  readonly avoidRosNameSpaceConventions: boolean;
}

const KEEP_LAST = 1;
const RELIABLE = 1;
const BEST_EFFORT = 2;
const TRANSIENT_LOCAL = 1;
const VOLATILE = 2;
const LIVELINESS_DEFAULT = 0;

export function toNativeQos(qos: QosProfile): NativeQos {
  return {
    history: KEEP_LAST,
    depth: qos.depth,
    reliability: qos.reliability === 'reliable' ? RELIABLE : BEST_EFFORT,
    durability: qos.durability === 'transient_local' ? TRANSIENT_LOCAL : VOLATILE,
    liveliness: LIVELINESS_DEFAULT,
    avoidRosNameSpaceConventions: false,
  };
}

export function fromNativeQos(qos: { reliability: number; durability: number }): EndpointInfo['qos'] {
  return {
    reliability: qos.reliability === RELIABLE ? 'reliable' : qos.reliability === BEST_EFFORT ? 'best_effort' : 'unknown',
    durability: qos.durability === TRANSIENT_LOCAL ? 'transient_local' : qos.durability === VOLATILE ? 'volatile' : 'unknown',
  };
}

/** A subscription gets nothing from a publisher that offers less than it asks for (the DDS rule of requested and offered). */
export function matches(offered: QosProfile, requested: QosProfile): boolean {
  return (
    (offered.reliability === 'reliable' || requested.reliability === 'best_effort') &&
    (offered.durability === 'transient_local' || requested.durability === 'volatile')
  );
}
