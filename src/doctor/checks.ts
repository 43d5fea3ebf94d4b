// Assembles the checks for one robot. If its configuration is unreadable, the checks that need it report `skipped`.
import { configFlag } from '../base/index.ts';
import type { Remap } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { type Check, error, type Finding, ok, skipped } from './check.ts';
import { agent, familyKeys, guard, problemChecks } from './checks/agent.ts';
import { cameraChecks } from './checks/cameras.ts';
import { clock } from './checks/clock.ts';
import { clockSkew, cloudApi, uploads } from './checks/cloud.ts';
import { discoveryServer, graph } from './checks/graph.ts';
import { certificate, key } from './checks/identity.ts';
import { brokerCertificate, certificateAccepted, dns, network, tcp } from './checks/link.ts';
import { node, service, versions } from './checks/machine.ts';
import { mqtt, publishRights, receipts, subscribeRights } from './checks/mqtt.ts';
import { reach } from './checks/reach.ts';
import { channelChecks, messageTypes, ros } from './checks/ros.ts';
import { diskLatency, diskSpace, diskWear, outboxBacklog, outboxFile, stateDir } from './checks/storage.ts';
import { uplinkChecks } from './checks/uplinks.ts';
import { type DoctorContext, openContext, type RobotCheck } from './context.ts';

const ROBOT_CHECKS: readonly RobotCheck[] = [
  clock,
  clockSkew,
  stateDir,
  diskSpace,
  diskLatency,
  diskWear,
  outboxFile,
  ros,
  messageTypes,
  discoveryServer,
  graph,
  reach,
  guard,
  familyKeys,
  key,
  certificate,
  network,
  dns,
  tcp,
  brokerCertificate,
  certificateAccepted,
  mqtt,
  subscribeRights,
  publishRights,
  receipts,
  outboxBacklog,
  cloudApi,
  uploads,
  service,
  agent,
  versions,
];

/** Skipped if the configuration is invalid: they start a process that would reject it, or inspect what its channels and commands need. */
const NEED_VALID_CONFIG: ReadonlySet<RobotCheck> = new Set([ros, messageTypes, discoveryServer, graph, guard, familyKeys]);

/** Returns the checks for a robot. A faulty configuration does not make this function throw, because a check reports it. */
export async function checksFor(file: string | undefined, remap: Remap): Promise<Check[]> {
  let context: DoctorContext;
  try {
    context = openContext(file, remap);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    const unreadable = { code: 'configuration', deadlineMs: 1_000, run: async () => invalid(cause, file) } as const;
    const run = async () => skipped('needs the configuration', 'configuration');
    return [node, unreadable, ...ROBOT_CHECKS.map(({ code, deadlineMs }) => ({ code, deadlineMs, run }))];
  }
  const status = await context.agent;
  const isInvalid = context.loaded.invalid !== undefined;
  const run = () => skipped('needs a valid configuration', 'configuration');
  const checks: RobotCheck[] = [
    { code: 'configuration', deadlineMs: 1_000, run: configuration },
    ...ROBOT_CHECKS.map((check) => (isInvalid && NEED_VALID_CONFIG.has(check) ? { ...check, run } : check)),
    ...(isInvalid ? [] : [...channelChecks(context.config), ...cameraChecks(context.config), ...uplinkChecks(context.config)]),
    ...(status ? problemChecks(status, context) : []),
  ];
  return [node, ...checks.map((check): Check => ({ ...check, run: async (signal) => check.run(context, signal) }))];
}

function configuration({ file, loaded, flag }: DoctorContext): Finding {
  if (loaded.invalid) return invalid(loaded.invalid, file);
  if (loaded.off.length === 0) return ok(`${file ?? 'config/default.yaml alone (name your file with --config)'} is valid`);
  const observed = loaded.off.map(({ text }) => text).join('; ');
  return error(observed, 'correct these entries; all others work without them', `elderly-bot config check${flag}`);
}

function invalid({ message, remedy }: AgentError, file: string | undefined): Finding {
  return error(message.replaceAll('\n', '; '), remedy ?? 'correct the file', `elderly-bot config check${configFlag(file)}`);
}
