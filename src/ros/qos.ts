// Quality of service: the default, and the DDS rule of requested and offered policies.
import type { QosProfile } from './types.ts';

export const DEFAULT_QOS: QosProfile = {
  reliability: 'reliable',
  durability: 'volatile',
  depth: 10,
};

/** A subscription receives nothing from a publisher that offers less than the subscription requests. */
export function matches(offered: QosProfile, requested: QosProfile): boolean {
  return (
    (offered.reliability === 'reliable' || requested.reliability === 'best_effort') &&
    (offered.durability === 'transient_local' || requested.durability === 'volatile')
  );
}
