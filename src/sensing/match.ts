// What a channel subscribes to, given who publishes: a type and a quality of service that all publishers match, and who is left out.
// Pure. Until somebody publishes, a reliable subscription waits: a reliable publisher's first sample then finds it there.
import type { ChannelConfig } from '../config/index.ts';

/** A publisher as ROS's graph tells of it. */
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
  /** Why some of the publishers are not heard, one sentence each. */
  readonly types: string | undefined;
  readonly qos: string | undefined;
}

/** Samples kept while the agent is busy: as many as by `qos: {}` (src/config/ros.ts). */
const AUTO_DEPTH = 1_000;

export function match({ type: configured, qos }: Pick<ChannelConfig, 'type' | 'qos'>, offers: readonly Offer[]): Match {
  const types = [...new Set(offers.map((offer) => offer.type))];
  const type = configured ?? (types.length === 1 ? types[0] : undefined);
  const strangers = offers.filter((offer) => offer.type !== type);
  if (type === undefined) return { wanted: undefined, types: types.length > 1 ? disagreement(offers) : undefined, qos: undefined };
  const ours = offers.filter((offer) => offer.type === type);
  const wanted = { type, qos: qos === 'auto' ? suitable(ours) : qos };
  const unheard = ours.filter((offer) => !suits(offer.qos, wanted.qos));
  return {
    wanted,
    types:
      strangers.length === 0 ? undefined : `${strangers.map((each) => `${each.node} publishes ${each.type}`).join(', ')}; expected ${type}`,
    qos:
      unheard.length === 0
        ? undefined
        : `${unheard.map((each) => `${each.node} offers ${said(each.qos)}`).join(', ')}; this channel asks for ${said(wanted.qos)}`,
  };
}

/** Whether a subscription to the one is as good as to the other. */
export function isSame(a: Wanted, b: Wanted | undefined): boolean {
  return (
    a.type === b?.type && a.qos.reliability === b.qos.reliability && a.qos.durability === b.qos.durability && a.qos.depth === b.qos.depth
  );
}

/** The most that all of them offer: what one offers less of, none can be asked for. */
function suitable(offers: readonly Offer[]): Wanted['qos'] {
  const reliable = offers.every(({ qos }) => qos.reliability !== 'best_effort');
  const kept = offers.length > 0 && offers.every(({ qos }) => qos.durability === 'transient_local');
  return { reliability: reliable ? 'reliable' : 'best_effort', durability: kept ? 'transient_local' : 'volatile', depth: AUTO_DEPTH };
}

/** The DDS rule of requested and offered; what the graph does not say is no reason to complain. */
function suits(offered: Offer['qos'], asked: Wanted['qos']): boolean {
  const reliable = offered.reliability !== 'best_effort' || asked.reliability === 'best_effort';
  return reliable && (offered.durability !== 'volatile' || asked.durability === 'volatile');
}

function disagreement(offers: readonly Offer[]): string {
  return `${offers.map((each) => `${each.node} publishes ${each.type}`).join(', ')}; set the channel's type to the one that is meant`;
}

function said({ reliability, durability }: { reliability: string; durability: string }): string {
  return `${reliability}, ${durability}`;
}
