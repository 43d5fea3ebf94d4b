// The list of all checks for one robot. An unreadable configuration leaves only the checks that do not need it.

import { configFlag } from '../base/index.ts';
import type { Remap } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import type { Check, Finding } from './check.ts';
import { agent, guard, problemChecks } from './checks/agent.ts';
import { clock, clockSkew } from './checks/clock.ts';
import { cloudApi, uploads } from './checks/cloud.ts';
import { certificate, key } from './checks/identity.ts';
import { brokerCertificate, certificateAccepted, dns, network, tcp } from './checks/link.ts';
import { node, service, versions } from './checks/machine.ts';
import { mqtt, publishRights, receipts, subscribeRights } from './checks/mqtt.ts';
import { channelChecks, graph, messageTypes, ros } from './checks/ros.ts';
import { diskLatency, diskSpace, diskWear, outboxBacklog, outboxFile, stateDir } from './checks/storage.ts';
import { type DoctorContext, ok, openContext, type RobotCheck, skipped } from './context.ts';

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
  graph,
  guard,
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

/** Checks that start a process which reads the configuration, or that look at the needs of channels and commands. */
const NEED_VALID_CONFIG: ReadonlySet<RobotCheck> = new Set([ros, messageTypes, graph, guard]);

/** Does not throw for a fault of the robot: the checks report it. */
export async function checksFor(file: string | undefined, remap: Remap): Promise<Check[]> {
  let context: DoctorContext;
  try {
    context = openContext(file, remap);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const unread = { code: 'configuration', deadlineMs: 1_000, run: async () => wrong(error, file) } as const;
    const later: Finding = { ...skipped('needs the configuration'), because: ['configuration'] };
    return [node, unread, ...ROBOT_CHECKS.map(({ code, deadlineMs }) => ({ code, deadlineMs, run: async () => later }))];
  }
  const status = await context.agent;
  const later: Finding = { ...skipped('needs a valid configuration'), because: ['configuration'] };
  const robot = context.loaded.invalid
    ? ROBOT_CHECKS.map((check) => (NEED_VALID_CONFIG.has(check) ? { ...check, run: () => later } : check))
    : ROBOT_CHECKS;
  const checks = [
    { code: 'configuration', deadlineMs: 1_000, run: configuration } as const,
    ...robot,
    ...(context.loaded.invalid ? [] : channelChecks(context.config)),
    ...(status ? problemChecks(status, context) : []),
  ];
  return [node, ...checks.map((check): Check => ({ ...check, run: async (signal) => check.run(context, signal) }))];
}

function configuration({ file, loaded, flag }: DoctorContext): Finding {
  const name = file ?? 'config/default.yaml alone (name your file with --config)';
  if (loaded.invalid) return wrong(loaded.invalid, file);
  if (loaded.off.length === 0) return ok(`${name} is valid`);
  const observed = loaded.off.map(({ text }) => text).join('; ');
  return {
    status: 'error',
    observed,
    remedy: 'correct these entries; all others work without them',
    command: `elderly-bot config check${flag}`,
  };
}

function wrong(error: AgentError, file: string | undefined): Finding {
  return {
    status: 'error',
    observed: error.message,
    remedy: error.remedy ?? 'correct the file',
    command: `elderly-bot config check${configFlag(file)}`,
  };
}
