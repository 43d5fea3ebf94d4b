// The robot that the doctor examines: its configuration, certificates and running agent. Facts that several checks need are looked up once,
// as promises that each of them awaits.

import { configFlag } from '../base/index.ts';
import { type Config, endpointOf, type Remap, type SalvagedConfig, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { AMAZON_ROOT_CA, type CredentialPaths, type Credentials, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { askStatus, type Status } from '../status/index.ts';
import type { CheckCode } from './catalogue.ts';
import type { Check, Finding } from './check.ts';
import { type Reached, reachBroker } from './checks/reach.ts';
import { lookAtTls, type TlsLook } from './checks/tls.ts';

export interface DoctorContext {
  readonly file: string | undefined;
  readonly loaded: SalvagedConfig;
  readonly config: Config;
  readonly host: string;
  /** The configured port; undefined: 8883, then 443. */
  readonly port: number | undefined;
  /** The three files, as configured or from the current slot; an error if they do not exist yet. */
  readonly paths: CredentialPaths | AgentError;
  readonly credentials: Credentials | AgentError;
  /** The status of the running agent; undefined if none answers. */
  readonly agent: Promise<Status | undefined>;
  /** The process that holds the state directory. */
  readonly holder: number | undefined;
  readonly reached: Promise<Reached>;
  readonly tls: Promise<TlsLook | undefined>;
  /** The flag that lets other commands use the same configuration. */
  readonly flag: string;
}

/** Leaves out invalid channels, as the agent does. @throws AgentError if the configuration cannot be read at all */
export function openContext(file: string | undefined, remap: Remap): DoctorContext {
  const loaded = salvageConfig(file, process.env, { remap });
  const { config } = loaded;
  const { host, port } = endpointOf(config.mqtt.endpoint);
  const paths = pathsOf(config);
  const credentials = paths instanceof AgentError ? paths : credentialsOf(paths);
  const reached = reachBroker(host, port);
  const tls = reached.then(({ route }) => (route ? lookAtTls({ host, route, credentials, rootCa: rootCaOf(paths, config) }) : undefined));
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

export const ok = (observed: string): Finding => ({ status: 'ok', observed });
export const skipped = (observed: string): Finding => ({ status: 'skipped', observed });

/** A robot has the CA's file before it has a certificate. */
export function rootCaOf(paths: DoctorContext['paths'], { mqtt }: Config): string {
  return paths instanceof AgentError ? (mqtt.root_ca ?? AMAZON_ROOT_CA) : paths.rootCa;
}

function pathsOf({ mqtt, state_dir: stateDir }: Config): CredentialPaths | AgentError {
  try {
    return identityPaths(mqtt, stateDir);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

function credentialsOf(paths: CredentialPaths): Credentials | AgentError {
  try {
    return readCredentials(paths);
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}
