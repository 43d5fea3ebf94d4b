// Compares the quality of service that a publisher offers with what a subscription requests.
import type { EndpointInfo, QosProfile } from './types.ts';

type Policies = EndpointInfo['qos'];

/**
 * Implements DDS QoS matching: a subscription receives nothing from a publisher that offers less than it requests. Unknown counts as
 * enough.
 */
export function isCompatible(offered: Policies, requested: Policies): boolean {
  const isReliable = offered.reliability !== 'best_effort' || requested.reliability === 'best_effort';
  return isReliable && (offered.durability !== 'volatile' || requested.durability === 'volatile');
}

/** @returns the index of the first profile that a publisher with this offer matches, or undefined. */
export function firstCompatible(profiles: readonly QosProfile[], offered: Policies): number | undefined {
  const index = profiles.findIndex((profile) => isCompatible(offered, profile));
  return index === -1 ? undefined : index;
}
