// Chooses the type and the readers of a channel's subscription, and names the publishers that no reader hears. A latched, a reliable and a
// best-effort reader together hear each publisher as reliably as it offers. An alert channel has all three from the start: a publisher may
// publish once and end before the agent could add a reader for it.
import { isNamed } from './names.ts';
import { isCompatible } from './qos.ts';
import type { EndpointInfo, QosProfile } from './types.ts';

/** A publisher in the ROS graph. Its `node` is the full name. */
export type Offer = Pick<EndpointInfo, 'node' | 'type' | 'qos' | 'hash' | 'localHash'>;

/** The entry of a channel, or of another topic that is read. */
export interface Reading {
  /** If undefined, the type that is published. */
  readonly type: string | undefined;
  readonly qos: 'auto' | QosProfile;
  readonly class?: 'alert' | 'telemetry' | undefined;
}

export interface Wanted {
  readonly type: string;
  /** The profiles of the readers, the strictest first. */
  readonly qos: readonly QosProfile[];
}

interface Match {
  /** Undefined until the type is known. */
  readonly wanted: Wanted | undefined;
  /** A sentence that names the publishers with other types. */
  readonly types: string | undefined;
  /** A sentence that names the publishers with an incompatible QoS. */
  readonly qos: string | undefined;
  /** Why no publisher is heard: the sentence of `types` or `qos`. Undefined if at least one is heard, or if nothing is published. */
  readonly unheard: string | undefined;
  /** A sentence that names the publishers whose definition of the type is another. */
  readonly definition: string | undefined;
  /** A sentence that names the publishers, or the configuration, with durability that has no effect. */
  readonly unkept: string | undefined;
}

/** How many samples DDS keeps while the agent is busy. The same as for `qos: {}` (src/config/ros.ts). */
const AUTO_DEPTH = 1_000;

const LATCHED: QosProfile = { reliability: 'reliable', durability: 'transient_local', depth: AUTO_DEPTH };
const RELIABLE: QosProfile = { reliability: 'reliable', durability: 'volatile', depth: AUTO_DEPTH };
const BEST_EFFORT: QosProfile = { reliability: 'best_effort', durability: 'volatile', depth: AUTO_DEPTH };

export function match({ type: configured, qos, class: rowClass }: Reading, offers: readonly Offer[]): Match {
  const types = [...new Set(offers.map((offer) => offer.type))];
  const type = configured ?? (types.length === 1 ? types[0] : undefined);
  const others = offers.filter((offer) => offer.type !== type);
  const published = sentence(others, (offer) => `${offer.node} publishes ${offer.type}`);
  if (type === undefined) {
    const text = published && `${published}; set type to one of them`;
    return { wanted: undefined, types: text, qos: undefined, unheard: text, definition: undefined, unkept: undefined };
  }
  const ours = offers.filter((offer) => offer.type === type);
  // A node's name becomes known shortly after its publisher. The sentences below describe no emergency, so they wait for the name.
  const named = ours.filter(({ node }) => isNamed(node));
  const readers = qos !== 'auto' ? [qos] : rowClass === 'alert' ? [LATCHED, RELIABLE, BEST_EFFORT] : readersOf(ours);
  const unmatched = ours.filter((offer) => !readers.some((reader) => isCompatible(offer.qos, reader)));
  const refused = sentence(unmatched, (offer) => `${offer.node} offers ${described(offer.qos)}`);
  const typesText = published && `${published}; expected ${type}`;
  const qosText = refused && `${refused}; this channel asks for ${readers.map(described).join(' or ')}`;
  return {
    wanted: { type, qos: readers },
    types: typesText,
    qos: qosText,
    unheard: unmatched.length === ours.length ? (typesText ?? qosText) : undefined,
    definition: differing(named, type),
    unkept: unkept(named, readers),
  };
}

/** Whether the type and the readers are equal, so that an existing subscription can be kept. */
export function isSame(a: Wanted, b: Wanted | undefined): boolean {
  const text = ({ reliability, durability, depth }: QosProfile) => `${reliability} ${durability} ${depth}`;
  return a.type === b?.type && a.qos.map(text).join() === b.qos.map(text).join();
}

/** @returns one reader for each kind of publisher that exists, so one in most cases. */
function readersOf(offers: readonly Offer[]): QosProfile[] {
  const kinds = new Set(
    offers.map(({ qos: { reliability, durability } }) => {
      if (reliability === 'best_effort') return BEST_EFFORT;
      return durability === 'transient_local' ? LATCHED : RELIABLE;
    }),
  );
  return kinds.size === 0 ? [RELIABLE] : [LATCHED, RELIABLE, BEST_EFFORT].filter((kind) => kinds.has(kind));
}

function differing(offers: readonly Offer[], type: string): string | undefined {
  const others = offers.filter(({ hash, localHash }) => hash !== undefined && localHash !== undefined && hash !== localHash);
  const text = sentence(others, ({ node, hash = '' }) => `${node} has another definition of ${type} (${short(hash)})`);
  return text && `${text} than this machine (${short(others[0]?.localHash ?? '')})`;
}

/** As long as needed to tell two hashes apart. */
function short(hash: string): string {
  return `${hash.slice(0, 'RIHS01_'.length + 12)}...`;
}

/** DDS sends the kept samples of a transient-local publisher only to readers that are reliable too. */
function unkept(offers: readonly Offer[], readers: readonly QosProfile[]): string | undefined {
  const isUseless = ({ reliability, durability }: Offer['qos']) => reliability === 'best_effort' && durability === 'transient_local';
  const offering = sentence(
    offers.filter(({ qos }) => isUseless(qos)),
    ({ node, qos }) => `${node} offers ${described(qos)}`,
  );
  const asking = readers.some(isUseless) ? 'this channel asks for best_effort, transient_local' : undefined;
  const both = [offering, asking].filter((text) => text !== undefined).join('; ');
  return both === '' ? undefined : `${both}; DDS keeps nothing for such a pair, so a message sent before they met is lost`;
}

function sentence(offers: readonly Offer[], describe: (offer: Offer) => string): string | undefined {
  return offers.length === 0 ? undefined : offers.map(describe).join(', ');
}

function described({ reliability, durability }: Offer['qos']): string {
  return `${reliability}, ${durability}`;
}
