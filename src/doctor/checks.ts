// The list of all checks for one robot, and how a configuration that can't be read leaves only those that need none.

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
import { ok, type Patient, patientOf, type RobotCheck, skipped } from './context.ts';

const OF_A_ROBOT: readonly RobotCheck[] = [
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

/** They ask another process that reads the configuration, or look at what channels and commands need. */
const NEED_ALL_OF_IT: ReadonlySet<RobotCheck> = new Set([ros, messageTypes, graph, guard]);

/** Never throws for what is wrong with the robot: that is what the checks are for. */
export async function checksFor(file: string | undefined, remap: Remap): Promise<Check[]> {
  let patient: Patient;
  try {
    patient = patientOf(file, remap);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const unread = { code: 'configuration', deadlineMs: 1_000, run: async () => wrong(error, file) } as const;
    const later: Finding = { ...skipped('needs the configuration'), because: ['configuration'] };
    return [node, unread, ...OF_A_ROBOT.map(({ code, deadlineMs }) => ({ code, deadlineMs, run: async () => later }))];
  }
  const status = await patient.agent;
  const later: Finding = { ...skipped('needs a good configuration'), because: ['configuration'] };
  const robot = patient.loaded.invalid
    ? OF_A_ROBOT.map((one) => (NEED_ALL_OF_IT.has(one) ? { ...one, run: () => later } : one))
    : OF_A_ROBOT;
  const checks = [
    { code: 'configuration', deadlineMs: 1_000, run: configuration } as const,
    ...robot,
    ...(patient.loaded.invalid ? [] : channelChecks(patient.config)),
    ...(status ? problemChecks(status, patient) : []),
  ];
  return [node, ...checks.map((check): Check => ({ ...check, run: async (signal) => check.run(patient, signal) }))];
}

function configuration({ file, loaded, flag }: Patient): Finding {
  const name = file ?? 'config/default.yaml alone (give yours with --config)';
  if (loaded.invalid) return wrong(loaded.invalid, file);
  if (loaded.off.length === 0) return ok(`${name} is good`);
  const observed = loaded.off.map(({ text }) => text).join('; ');
  return {
    status: 'error',
    observed,
    remedy: 'mend these entries; all others run without them',
    command: `elderly-bot config check${flag}`,
  };
}

function wrong(error: AgentError, file: string | undefined): Finding {
  return {
    status: 'error',
    observed: error.message,
    remedy: error.todo ?? 'mend it',
    command: `elderly-bot config check${configFlag(file)}`,
  };
}
