// Chooses the type and the quality of service of a channel's subscription so that all publishers match, and names publishers that do not.
// Pure. Before the first publisher the subscription is reliable, so that it receives the first sample of a reliable publisher.
import type { ChannelConfig } from '../config/index.ts';

/** A publisher in the ROS graph. */
export interface Offer {
  readonly node: string;
  readonly type: string;
  readonly qos: { readonly reliability: string; readonly durability: string };
}

export interface Wanted {
  readonly type: string;
  readonly qos: {
    readonly reliability: 'reliable' | 'best_effort';
    readonly durability: 'volatile' | 'transient_local';
    readonly depth: number;
  };
}

export interface Match {
  /** Undefined while the type is not known. */
  readonly wanted: Wanted | undefined;
  /** Why some publishers do not match: a sentence for their types, and one for their quality of service. */
  readonly types: string | undefined;
  readonly qos: string | undefined;
}

/** Samples kept while the agent is busy, as with `qos: {}` (src/config/ros.ts). */
const AUTO_DEPTH = 1_000;

export function match({ type: configured, qos }: Pick<ChannelConfig, 'type' | 'qos'>, offers: readonly Offer[]): Match {
  const types = [...new Set(offers.map((offer) => offer.type))];
  const type = configured ?? (types.length === 1 ? types[0] : undefined);
  const others = offers.filter((offer) => offer.type !== type);
  if (type === undefined) return { wanted: undefined, types: types.length > 1 ? disagreement(offers) : undefined, qos: undefined };
  const ours = offers.filter((offer) => offer.type === type);
  const wanted = { type, qos: qos === 'auto' ? suitable(ours) : qos };
  const unheard = ours.filter((offer) => !suits(offer.qos, wanted.qos));
  return {
    wanted,
    types: others.length === 0 ? undefined : `${others.map((each) => `${each.node} publishes ${each.type}`).join(', ')}; expected ${type}`,
    qos:
      unheard.length === 0
        ? undefined
        : `${unheard.map((each) => `${each.node} offers ${described(each.qos)}`).join(', ')}; this channel asks for ${described(wanted.qos)}`,
  };
}

/** Whether the same subscription fits both. */
export function isSame(a: Wanted, b: Wanted | undefined): boolean {
  return (
    a.type === b?.type && a.qos.reliability === b.qos.reliability && a.qos.durability === b.qos.durability && a.qos.depth === b.qos.depth
  );
}

/** The strongest policies that all publishers offer. */
function suitable(offers: readonly Offer[]): Wanted['qos'] {
  const reliable = offers.every(({ qos }) => qos.reliability !== 'best_effort');
  const kept = offers.length > 0 && offers.every(({ qos }) => qos.durability === 'transient_local');
  return { reliability: reliable ? 'reliable' : 'best_effort', durability: kept ? 'transient_local' : 'volatile', depth: AUTO_DEPTH };
}

/** The DDS rule of requested and offered; a policy that the graph reports as unknown counts as matching. */
function suits(offered: Offer['qos'], asked: Wanted['qos']): boolean {
  const reliable = offered.reliability !== 'best_effort' || asked.reliability === 'best_effort';
  return reliable && (offered.durability !== 'volatile' || asked.durability === 'volatile');
}

function disagreement(offers: readonly Offer[]): string {
  return `${offers.map((each) => `${each.node} publishes ${each.type}`).join(', ')}; set the channel's type to one of them`;
}

function described({ reliability, durability }: { reliability: string; durability: string }): string {
  return `${reliability}, ${durability}`;
}
