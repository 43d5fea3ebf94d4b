// Looks around in the ROS graph for the doctor's probe: who else is in the robot's domain, whether the discovery server answers, and in
// which other domain a robot's topics are. Only reads: a node that joins a domain publishes no topic.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, isOwnNode } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { domainsInUse, isNamed, publishedTopics, type RosNode, resolveDomainId, startRosNode } from '../../ros/index.ts';
import type { Published } from '../../sensing/index.ts';

const NODE = 'elderly_bot_doctor';
const POLL_EVERY_MS = 100;
const JOINED_FOR_MS = 3_000;
/** On a busy machine DDS needs longer to find a robot that is there. */
const JOINED_AT_MOST_MS = 7_000;
/** 20 nodes take 50 MB and 0.1 s (measured). */
const DOMAINS_AT_MOST = 24;

export interface OtherDomain {
  readonly domain: number;
  readonly topics: readonly Published[];
}

export function joinDomain({ ros: { namespace } }: Pick<Config, 'ros'>, domainId: number): Promise<RosNode> {
  return startRosNode({ name: NODE, namespace, domainId });
}

/** @returns the topics and nodes of others. The nodes of this program prove nothing about the robot. */
export function othersIn(
  node: RosNode,
  { ros }: Pick<Config, 'ros'>,
): { readonly nodes: readonly string[]; readonly topics: readonly Published[] } {
  const isOwn = (name: string) => isOwnNode(name, ros);
  const nodes = [...new Set(node.nodes())].filter((name) => isNamed(name) && !isOwn(name)).sort();
  return { nodes, topics: publishedTopics(node, isOwn) };
}

/**
 * Looks for the robot in other domains: the one of the shell, 0, and those that programs of this machine use.
 * @param joined receives every node that is started. The caller stops them.
 */
export async function lookElsewhere(config: Pick<Config, 'ros'>, here: number, joined: RosNode[]): Promise<OtherDomain[]> {
  const used = domainsInUse();
  const domains = [shellDomain(), 0, ...used.keys()].filter((domain) => domain !== undefined && domain !== here);
  const looks = await Promise.all(
    [...new Set(domains)].slice(0, DOMAINS_AT_MOST).map(async (domain) => {
      const node = await joinDomain(config, domain ?? 0);
      joined.push(node);
      return { domain: domain ?? 0, node };
    }),
  );
  const joinedMs = performance.now();
  await sleep(JOINED_FOR_MS);
  const found = () => looks.map(({ domain, node }) => ({ domain, topics: othersIn(node, config).topics }));
  const isComplete = () => found().every(({ domain, topics }) => topics.length > 0 || !used.has(domain));
  while (!isComplete() && performance.now() - joinedMs < JOINED_AT_MOST_MS) await sleep(POLL_EVERY_MS);
  return found().filter(({ topics }) => topics.length > 0);
}

/** @returns undefined if the shell names none, or one that is invalid. */
function shellDomain(): number | undefined {
  try {
    return process.env.ROS_DOMAIN_ID === undefined ? undefined : resolveDomainId(null, process.env.ROS_DOMAIN_ID);
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

/**
 * Whether the discovery server answers. Nodes find each other only through it, so it answers if the probe sees another node. A second node
 * in the same process is enough.
 */
export async function isServerThere(node: RosNode, config: Pick<Config, 'ros'>, domain: number, joined: RosNode[]): Promise<boolean> {
  const own = node.nodes().length;
  if (own > 1) return true;
  joined.push(await joinDomain(config, domain));
  for (const untilMs = performance.now() + JOINED_FOR_MS; performance.now() < untilMs; await sleep(POLL_EVERY_MS)) {
    if (node.nodes().length > own) return true;
  }
  return false;
}
