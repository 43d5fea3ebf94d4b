// Describes the robot that the doctor examines: its configuration, certificates and running agent. Facts that several checks need are held
// as promises, so that they are looked up only once.
import { readFileSync } from 'node:fs';
import { configFlag } from '../base/index.ts';
import { brokerOf, type Config, type Remap, type SalvagedConfig, salvageConfig } from '../config/index.ts';
import { AgentError } from '../errors.ts';
import { AMAZON_ROOT_CA, type CredentialPaths, type Credentials, identityPaths, readCredentials } from '../identity/index.ts';
import { lockHolder } from '../state/index.ts';
import { askStatus, type Status } from '../status/index.ts';
import { type Survey, survey, UplinkMemory } from '../uplink/index.ts';
import type { CheckCode } from './catalogue.ts';
import type { Check, Finding } from './check.ts';

export interface DoctorContext {
  readonly file: string | undefined;
  readonly loaded: SalvagedConfig;
  readonly config: Config;
  readonly host: string;
  /** Paths of the root CA, the certificate and its key, as configured or in the current slot. An error if the robot has no identity yet. */
  readonly paths: CredentialPaths | AgentError;
  readonly credentials: Credentials | AgentError;
  /** The running agent's status; undefined if no agent answers. */
  readonly agent: Promise<Status | undefined>;
  /** Id of the process that holds the state directory's lock, usually a running agent. */
  readonly holder: number | undefined;
  readonly reached: Promise<Survey>;
  /** The `--config` option to append to suggested commands, so that they use the same configuration. */
  readonly flag: string;
}

/** Tolerates an invalid configuration, because the doctor should still examine the rest. @throws AgentError if it is unreadable */
export function openContext(file: string | undefined, remap: Remap): DoctorContext {
  const loaded = salvageConfig(file, process.env, { remap });
  const { config } = loaded;
  const broker = brokerOf(config.mqtt);
  const paths = orAgentError(() => identityPaths(config.mqtt, config.state_dir));
  const credentials = paths instanceof AgentError ? paths : orAgentError(() => readCredentials(paths));
  const own = credentials instanceof AgentError ? caOf(rootCaOf(paths, config)) : credentials;
  return {
    file,
    loaded,
    config,
    host: broker.host,
    paths,
    credentials,
    agent: askStatus(config.state_dir).catch(() => undefined),
    holder: lockHolder(config.state_dir),
    reached: survey({ ...broker, own, known: new UplinkMemory(config.state_dir).load() }),
    flag: configFlag(file),
  };
}

/** A check whose `run` receives the context. */
export interface RobotCheck extends Omit<Check, 'run'> {
  run(context: DoctorContext, signal: AbortSignal): Promise<Finding> | Finding;
}

export function robotCheck(code: CheckCode, deadlineMs: number, run: RobotCheck['run']): RobotCheck {
  return { code, deadlineMs, run };
}

/** Runs `work` at most once per context, and shares its result between the checks that call it. */
export function oncePerRobot<T extends object>(work: (context: DoctorContext) => T): (context: DoctorContext) => T {
  const results = new WeakMap<DoctorContext, T>();
  return (context) => {
    const result = results.get(context) ?? work(context);
    results.set(context, result);
    return result;
  };
}

/** Returns the path of the root CA, which exists even if the robot has no certificate yet. */
export function rootCaOf(paths: DoctorContext['paths'], { mqtt }: Config): string {
  return paths instanceof AgentError ? (mqtt.root_ca ?? AMAZON_ROOT_CA) : paths.rootCa;
}

/** Returns no root CA if it cannot be read: a check of its own reports that. */
function caOf(file: string): { readonly ca?: string } {
  try {
    return { ca: readFileSync(file, 'utf8') };
  } catch {
    return {};
  }
}

function orAgentError<T>(work: () => T): T | AgentError {
  try {
    return work();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}
