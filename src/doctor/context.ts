// Whom the doctor looks at: the configuration, the agent if one runs, the certificates. What several checks need is looked at once;
// each of them awaits it.

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

export interface Patient {
  readonly file: string | undefined;
  readonly loaded: SalvagedConfig;
  readonly config: Config;
  readonly host: string;
  /** As configured; undefined: 8883, then 443. */
  readonly port: number | undefined;
  /** The three files, as configured or of the slot that counts; an error where there are none yet. */
  readonly paths: CredentialPaths | AgentError;
  readonly credentials: Credentials | AgentError;
  /** What the running agent says; undefined where none answers. */
  readonly agent: Promise<Status | undefined>;
  /** The process that holds the state directory. */
  readonly holder: number | undefined;
  readonly reached: Promise<Reached>;
  readonly tls: Promise<TlsLook | undefined>;
  /** What is given to other commands so that they mean the same robot. */
  readonly flag: string;
}

/** Wrong channels alone are left out, as the agent does. @throws AgentError where nothing can be read of the configuration */
export function patientOf(file: string | undefined, remap: Remap): Patient {
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
  run(patient: Patient, signal: AbortSignal): Promise<Finding> | Finding;
}

export function robotCheck(code: CheckCode, deadlineMs: number, run: RobotCheck['run']): RobotCheck {
  return { code, deadlineMs, run };
}

export const ok = (observed: string): Finding => ({ status: 'ok', observed });
export const skipped = (observed: string): Finding => ({ status: 'skipped', observed });

/** The CA is there before a robot has a certificate. */
export function rootCaOf(paths: Patient['paths'], { mqtt }: Config): string {
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
