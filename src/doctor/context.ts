// Describes the robot that the doctor examines: its configuration, certificates and running agent. Facts that several checks need are
// looked up once, as promises.
import { configFlag } from '../base/index.ts';
import { type Config, endpointOf, type Remap, type SalvagedConfig, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { AMAZON_ROOT_CA, type CredentialPaths, type Credentials, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { askStatus, type Status } from '../status/index.ts';
import type { CheckCode } from './catalogue.ts';
import type { Check, Finding } from './check.ts';
import { type Reached, reachBroker } from './checks/reach.ts';
import { probeTls, type TlsProbe } from './checks/tls.ts';

export interface DoctorContext {
  readonly file: string | undefined;
  readonly loaded: SalvagedConfig;
  readonly config: Config;
  readonly host: string;
  /** The configured port. Undefined selects 8883, then 443. */
  readonly port: number | undefined;
  /** The three files, as configured or from the current slot. An error if they do not exist yet. */
  readonly paths: CredentialPaths | AgentError;
  readonly credentials: Credentials | AgentError;
  /** The status of the running agent. Undefined if no agent answers. */
  readonly agent: Promise<Status | undefined>;
  /** The process that holds the lock of the state directory. */
  readonly holder: number | undefined;
  readonly reached: Promise<Reached>;
  readonly tls: Promise<TlsProbe | undefined>;
  /** The flag that lets other commands use the same configuration. */
  readonly flag: string;
}

/** Leaves out invalid channels, as the agent does. @throws AgentError if the configuration cannot be read at all. */
export function openContext(file: string | undefined, remap: Remap): DoctorContext {
  const loaded = salvageConfig(file, process.env, { remap });
  const { config } = loaded;
  const { host, port } = endpointOf(config.mqtt.endpoint);
  const paths = orAgentError(() => identityPaths(config.mqtt, config.state_dir));
  const credentials = paths instanceof AgentError ? paths : orAgentError(() => readCredentials(paths));
  const reached = reachBroker(host, port);
  const tls = reached.then(({ route }) => (route ? probeTls(host, route, credentials, rootCaOf(paths, config)) : undefined));
  return {
    file,
    loaded,
    config,
    host,
    port,
    paths,
    credentials,
    agent: askStatus(config.state_dir).catch(() => undefined),
    holder: lockHolder(config.state_dir),
    reached,
    tls,
    flag: configFlag(file),
  };
}

/** A check of one robot. */
export interface RobotCheck extends Omit<Check, 'run'> {
  run(context: DoctorContext, signal: AbortSignal): Promise<Finding> | Finding;
}

export function robotCheck(code: CheckCode, deadlineMs: number, run: RobotCheck['run']): RobotCheck {
  return { code, deadlineMs, run };
}

/** Shares the result of `work` between the checks of one robot. */
export function oncePerRobot<T extends object>(work: (context: DoctorContext) => T): (context: DoctorContext) => T {
  const results = new WeakMap<DoctorContext, T>();
  return (context) => {
    const result = results.get(context) ?? work(context);
    results.set(context, result);
    return result;
  };
}

/** @returns the file of the CA, which a robot has before it has a certificate. */
export function rootCaOf(paths: DoctorContext['paths'], { mqtt }: Config): string {
  return paths instanceof AgentError ? (mqtt.root_ca ?? AMAZON_ROOT_CA) : paths.rootCa;
}

function orAgentError<T>(work: () => T): T | AgentError {
  try {
    return work();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}
