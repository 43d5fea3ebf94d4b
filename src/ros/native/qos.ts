// Quality of service in the numbers of rmw (rmw/types.h).
import type { EndpointInfo, QosProfile } from '../types.ts';
import type { NativeQos } from './functions.ts';

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
