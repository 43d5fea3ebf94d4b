// Checks whether the robot's nodes can be found: the discovery server, and the ROS domain. If they cannot, no channel has a publisher, so
// each finding here explains the channels' findings.
import { lookup } from 'node:dns/promises';
import { codeOf, counted, quoted } from '../../base/index.ts';
import { addresses, domainText, discoveryServer as serverOf } from '../../ros/index.ts';
import type { Status } from '../../status/index.ts';
import { error, type Finding, ok, skipped } from '../check.ts';
import { type DoctorContext, robotCheck } from '../context.ts';
import { domainOf, probe, ROS_WITHIN_MS } from './probed.ts';
import type { RosProbe } from './rosProbe.ts';
import type { OtherDomain } from './surroundings.ts';

/** How many topics or domains a finding names. */
const NAMED = 3;
const SERVICE_ENVIRONMENT = '/etc/default/elderly-bot';

export const discoveryServer = robotCheck('discovery_server', ROS_WITHIN_MS, async (context): Promise<Finding> => {
  const here = serverOf(process.env);
  const agent = await context.agent;
  const there = agent?.ros.discovery_server;
  if (there !== undefined && (there ?? undefined) !== here) return otherServer(here, there, context.flag);
  if (here === undefined) return skipped('ROS_DISCOVERY_SERVER is not set');
  const found = await probe(context);
  if (!('topics' in found)) return skipped('needs ROS 2', 'ros');
  const unknown = await unknownHosts(here);
  if (unknown.length > 0) {
    const remedy = 'correct ROS_DISCOVERY_SERVER: HOST:PORT, several with a semicolon between them';
    return error(`ROS_DISCOVERY_SERVER is ${JSON.stringify(here)}: ${unknown.join('; ')}`, remedy, "env | grep '^ROS_'");
  }
  if (found.isServerAnswering === true) return ok(`${addresses(here).join(' and ')} answers`);
  return error(
    `no answer from the discovery server ${addresses(here).join(' or ')}, so no node finds another`,
    'start it on its machine, or correct ROS_DISCOVERY_SERVER; without a server, unset it for the agent and for all nodes of the robot',
    `fastdds discovery -i 0 -l 0.0.0.0 -p ${portOf(addresses(here)[0] ?? '')}`,
  );
});

/** Reports that the agent looks for nodes in another way, so this check says nothing about the agent. */
function otherServer(here: string | undefined, there: string | null, flag: string): Finding {
  const name = (server: string | null | undefined) => (server ? `the discovery server ${server}` : 'no discovery server');
  const observed = `the running agent uses ${name(there)}, and this check ${name(here)}`;
  if (here !== undefined) {
    const remedy = `set ROS_DISCOVERY_SERVER for the agent too (as a service: in ${SERVICE_ENVIRONMENT}), and restart it`;
    return error(observed, remedy, `echo ${quoted(`ROS_DISCOVERY_SERVER=${here}`)} | sudo tee -a ${SERVICE_ENVIRONMENT}`);
  }
  return error(observed, 'run the check as the agent runs', `ROS_DISCOVERY_SERVER=${quoted(there ?? '')} elderly-bot doctor${flag}`);
}

/** @returns a sentence for each server whose host name has no address. */
async function unknownHosts(servers: string): Promise<string[]> {
  const sentences = addresses(servers).map(async (address) => {
    const host = hostOf(address);
    try {
      await lookup(host);
      return [];
    } catch (cause) {
      return [`${host} has no address (${codeOf(cause) ?? 'no host name'})`];
    }
  });
  return (await Promise.all(sentences)).flat();
}

/** Accepts `HOST`, `HOST:PORT`, `[IPV6]:PORT`, and each with the protocol as in `TCPv4:[HOST]:PORT`. */
function hostOf(address: string): string {
  return /^(?:(?:UDP|TCP)v[46]:)?\[([^\]]+)\]/.exec(address)?.[1] ?? address.replace(/:\d+$/, '');
}

function portOf(address: string): string {
  return /[\]:](\d+)$/.exec(address.replace(']:', ']'))?.[1] ?? '11811';
}

export const graph = robotCheck('graph', ROS_WITHIN_MS, async (context): Promise<Finding> => {
  const found = await probe(context);
  if (!('topics' in found)) return skipped('needs ROS 2', 'ros');
  const agent = await context.agent;
  if (agent && agent.ros.domain_id !== domainOf(context)) return otherDomain(context, agent, found);
  return domainFinding(context, found) ?? ok(`${found.topics.length} topics are published by ${listed(found.nodes, 'node')}`);
});

/** @returns undefined if this is, or may be, the domain of the robot. */
function domainFinding(context: DoctorContext, { topics, nodes, elsewhere, invisible }: RosProbe): Finding | undefined {
  const { config, flag } = context;
  const domain = domainOf(context);
  const configured = new Set(Object.values(config.channels).map(({ topic }) => topic));
  const matches = (other: OtherDomain) => other.topics.filter(({ topic }) => configured.has(topic)).length;
  const matching = elsewhere.filter((other) => matches(other) > 0).sort((a, b) => matches(b) - matches(a));
  if (topics.length > 0 && matching.length === 0) return undefined;
  const nothing =
    nodes.length === 0
      ? 'no node of the robot is there'
      : `${listed(nodes, 'node')} ${nodes.length === 1 ? 'publishes' : 'publish'} no topic`;
  const state = topics.length === 0 ? nothing : `none of this configuration’s topics is published, only ${topics.length} others`;
  // Programs of this very domain are a better clue than topics of another one that the configuration does not use.
  const seen = matching.length > 0 ? matching : invisible > 0 ? [] : elsewhere;
  const others = seen.slice(0, NAMED).map((other) => describe(other, configured));
  const observed = [`${domainText(domain)}: ${state}`, sourceOf(context), ...others].join('; ');
  const [other] = seen;
  if (other) {
    const remedy = `if the robot is in domain ${other.domain}: set ros.domain_id to ${other.domain}, and restart the agent`;
    return error(observed, remedy, `ROS_DOMAIN_ID=${other.domain} elderly-bot topics`);
  }
  if (invisible > 0) {
    const hidden = `${observed}; ${counted(invisible, 'program')} of this machine in this domain cannot be seen`;
    const remedy = 'compare ROS_DISCOVERY_SERVER, ROS_AUTOMATIC_DISCOVERY_RANGE and RMW_IMPLEMENTATION with those of the robot’s nodes';
    return error(hidden, remedy, "env | grep -E '^(ROS|RMW|FASTDDS|FASTRTPS|CYCLONEDDS)'");
  }
  const remedy =
    'start the robot’s nodes; if they run, compare ROS_DOMAIN_ID, ROS_DISCOVERY_SERVER and ROS_AUTOMATIC_DISCOVERY_RANGE with theirs';
  return error(observed, remedy, `elderly-bot topics${flag}`);
}

/** Says why this domain was used. */
function sourceOf({ config, loaded }: DoctorContext): string {
  const { ROS_DOMAIN_ID: shell } = process.env;
  const inShell = shell === undefined ? 'ROS_DOMAIN_ID is not set in this shell' : `ROS_DOMAIN_ID is ${shell} in this shell`;
  const { domain_id: configured } = config.ros;
  if (configured === null) return `${inShell}, and ros.domain_id is not set`;
  return `ros.domain_id is ${configured} (${loaded.place(['ros', 'domain_id'])}), and ${inShell}`;
}

function describe({ domain, topics }: OtherDomain, configured: ReadonlySet<string>): string {
  const ordered = [...topics].sort((a, b) => Number(configured.has(b.topic)) - Number(configured.has(a.topic)));
  const nodes = [...new Set(ordered.flatMap(({ publishers }) => publishers.map(({ node }) => node)))];
  const names = ordered.map(({ topic }) => topic);
  return `in domain ${domain}, ${listed(nodes, 'node')} ${nodes.length === 1 ? 'publishes' : 'publish'} ${listed(names, 'topic')}`;
}

function listed(names: readonly string[], noun: string): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${counted(more, `more ${noun}`)}` : ''}`;
}

/** Reports that the agent uses another ROS domain than this check, in which case the other ROS findings say nothing about the agent. */
function otherDomain(context: DoctorContext, { ros: { domain_id: domain }, channels }: Status, { topics }: RosProbe): Finding {
  const here = domainOf(context);
  const received = channels.filter(({ age_ms: age }) => age !== null).length;
  const observed = `the running agent uses ROS domain ${domain} and received ${received} of ${channels.length} channels there; this check used domain ${here}, which has ${topics.length} published topics`;
  if (context.config.ros.domain_id !== null)
    return error(observed, 'restart the agent: ros.domain_id was changed since its start', `elderly-bot run${context.flag}`);
  const remedy = `run the check in the agent’s domain; if ${here} is the robot’s domain, set ros.domain_id to ${here} and restart the agent`;
  return error(observed, remedy, `ROS_DOMAIN_ID=${domain} elderly-bot doctor${context.flag}`);
}
