// Chooses the type and QoS of a channel's subscription so that it matches all publishers, and names those that it cannot match. Until a
// publisher appears, the subscription is reliable, so that it will not miss the first sample of a reliable publisher.
import type { ChannelConfig } from '../config/index.ts';

/** A publisher in the ROS graph. */
export interface Offer {
  readonly node: string;
  readonly type: string;
  readonly qos: { readonly reliability: string; readonly durability: string };
}

export interface Wanted {
  readonly type: string;
  readonly qos: Exclude<ChannelConfig['qos'], 'auto'>;
}

interface Match {
  /** Undefined until the type is known. */
  readonly wanted: Wanted | undefined;
  /** A sentence that names the publishers with other types. */
  readonly types: string | undefined;
  /** A sentence that names the publishers with an incompatible QoS. */
  readonly qos: string | undefined;
}

/** How many samples DDS keeps while the agent is busy. The same as for `qos: {}` (src/config/ros.ts). */
const AUTO_DEPTH = 1_000;

export function match({ type: configured, qos }: Pick<ChannelConfig, 'type' | 'qos'>, offers: readonly Offer[]): Match {
  const types = [...new Set(offers.map((offer) => offer.type))];
  const type = configured ?? (types.length === 1 ? types[0] : undefined);
  const others = offers.filter((offer) => offer.type !== type);
  const published = others.length === 0 ? undefined : others.map((offer) => `${offer.node} publishes ${offer.type}`).join(', ');
  if (type === undefined) {
    return { wanted: undefined, types: published && `${published}; set the channel's type to one of them`, qos: undefined };
  }
  const ours = offers.filter((offer) => offer.type === type);
  const wanted = { type, qos: qos === 'auto' ? suitable(ours) : qos };
  const unmatched = ours.filter((offer) => !suits(offer.qos, wanted.qos)).map((offer) => `${offer.node} offers ${described(offer.qos)}`);
  return {
    wanted,
    types: published && `${published}; expected ${type}`,
    qos: unmatched.length === 0 ? undefined : `${unmatched.join(', ')}; this channel asks for ${described(wanted.qos)}`,
  };
}

/** Whether the type and QoS are equal, so that an existing subscription can be kept. */
export function isSame(a: Wanted, b: Wanted | undefined): boolean {
  return (
    a.type === b?.type && a.qos.reliability === b.qos.reliability && a.qos.durability === b.qos.durability && a.qos.depth === b.qos.depth
  );
}

/** @returns the strongest policies that all publishers offer. */
function suitable(offers: readonly Offer[]): Wanted['qos'] {
  const isReliable = offers.every(({ qos }) => qos.reliability !== 'best_effort');
  const isKept = offers.length > 0 && offers.every(({ qos }) => qos.durability === 'transient_local');
  return { reliability: isReliable ? 'reliable' : 'best_effort', durability: isKept ? 'transient_local' : 'volatile', depth: AUTO_DEPTH };
}

/** Implements DDS QoS matching. If the graph reports a policy as unknown, it is treated as compatible. */
export function suits(offered: Offer['qos'], requested: Offer['qos']): boolean {
  const isReliable = offered.reliability !== 'best_effort' || requested.reliability === 'best_effort';
  return isReliable && (offered.durability !== 'volatile' || requested.durability === 'volatile');
}

function described({ reliability, durability }: Offer['qos']): string {
  return `${reliability}, ${durability}`;
}
