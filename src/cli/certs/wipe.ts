// `elderly-bot certs wipe`: erases the identity of a robot that goes out of use, and on request all of its data. It first prints how to
// revoke the certificates, because afterwards their ids are gone. If it is interrupted, the next call finishes the work.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { counted, crashPoint, eraseFile, eraseTree, print } from '../../base/index.ts';
import { endpointOf } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import { otherFiles, ownCertificates, revocation, secretFiles } from '../../identity/index.ts';
import { OUTBOX_FILE, OutboxReader } from '../../outbox/index.ts';
import { belongings, findStandIn, lockAllState } from '../../state/index.ts';
import { loadSalvaged } from '../shared.ts';
import { withCertsLock } from './robot.ts';

export interface WipeOptions {
  readonly file: string | undefined;
  /** The thing's name, which the user repeats to confirm. */
  readonly confirm: string | undefined;
  /** Also erases the outbox, images, logs and backups. */
  readonly withData: boolean;
  /** Also erases alerts that the cloud does not have. */
  readonly withAlerts: boolean;
  readonly json: boolean;
}

type Config = ReturnType<typeof loadSalvaged>;
type Kept = readonly [path: string, reason: string];

export async function wipe(options: WipeOptions): Promise<number> {
  const config = loadSalvaged(options.file, ['thing', 'state_dir', 'mqtt', 'provisioning']);
  return withCertsLock({ config }, async () => {
    const lock = lockAllState(config.state_dir);
    try {
      return await wipeLocked(config, options);
    } finally {
      lock.release();
    }
  });
}

async function wipeLocked(config: Config, { confirm, withData, withAlerts, json }: WipeOptions): Promise<number> {
  const { thing, state_dir: stateDir } = config;
  const found = inspect(config);
  const { others } = belongings(stateDir);
  const alerts = undeliveredAlerts(stateDir);
  if (!json) await print([...describe(found, thing), ...(withData ? describeData(stateDir, alerts) : [])]);
  if (confirm !== thing) throw unconfirmed(thing, confirm);
  if (withData && alerts !== 0 && !withAlerts) throw undelivered(stateDir, alerts);
  const kept = [...eraseIdentity(config), ...(withData ? eraseData(stateDir) : [])];
  if (json) await print(JSON.stringify({ thing, certificates: found.certificates, revoke: found.revoke, data: withData, kept, others }));
  else await print([...kept.map(([path, reason]) => `STAYS: ${path}: ${reason}`), ...closing(kept.length === 0, withData, others)]);
  return kept.length === 0 ? 0 : 1;
}

function inspect(config: Config) {
  const certificates = ownCertificates(config);
  const { host } = endpointOf(config.mqtt.endpoint);
  return {
    certificates,
    revoke: certificates.flatMap((certificate) => revocation(certificate, config.thing, host)),
    secrets: secretFiles(config).filter(existsSync),
    rest: otherFiles(config).filter(existsSync),
  };
}

function describe({ certificates, revoke, secrets, rest }: ReturnType<typeof inspect>, thing: string): string[] {
  if (certificates.length + secrets.length + rest.length === 0) return [`${thing} has no identity here`];
  return [
    `${thing}: certs wipe erases`,
    ...[...secrets, ...rest].map((path) => `  ${path}`),
    ...(revoke.length > 0 ? ['Erasing a key does not revoke its certificate. Keep these lines, and run them elsewhere:'] : []),
    ...revoke.map((line) => `  ${line}`),
  ];
}

function describeData(stateDir: string, alerts: number | undefined): string[] {
  const standIn = findStandIn(stateDir);
  const paths = [...belongings(stateDir).own.map((name) => join(stateDir, name)), ...(standIn === undefined ? [] : [standIn])];
  const lost =
    alerts === undefined
      ? ['  (its outbox cannot be read)']
      : alerts > 0
        ? [`  (${counted(alerts, 'alert')} that the cloud does not have)`]
        : [];
  return ['and with --data', ...paths.map((path) => `  ${path}`), ...lost];
}

/** Counts those of the state directory and of its stand-in, which may have alerts of their own. @returns undefined if an outbox cannot be read. */
function undeliveredAlerts(stateDir: string): number | undefined {
  const folders = [stateDir, findStandIn(stateDir)].filter((folder) => folder !== undefined);
  try {
    return folders.map(alertsIn).reduce((sum, alerts) => sum + alerts, 0);
  } catch {
    return undefined;
  }
}

/** @throws if the outbox cannot be read. */
function alertsIn(folder: string): number {
  if (!existsSync(join(folder, OUTBOX_FILE))) return 0;
  const reader = OutboxReader.open(folder);
  const { pending, sent } = reader.stats().classes.alert;
  reader.close();
  return pending + sent;
}

function eraseIdentity(config: Config): Kept[] {
  const secrets = secretFiles(config).flatMap((path) => {
    const reason = eraseFile(path);
    crashPoint('wipe_secret_erased');
    return reason === undefined ? [] : [[path, reason] as const];
  });
  // As long as a key is there, its certificate stays too, so that the next call still knows which one to revoke.
  if (secrets.length > 0) return secrets;
  return otherFiles(config).flatMap((path) => {
    const kept = eraseTree(path);
    crashPoint('wipe_other_erased');
    return kept;
  });
}

function eraseData(stateDir: string): Kept[] {
  const standIn = findStandIn(stateDir);
  const { own, locks } = belongings(stateDir);
  const inState = [...own, ...locks].map((name) => join(stateDir, name));
  return [...(standIn === undefined ? [] : [standIn]), ...inState].flatMap((path) => {
    const kept = eraseTree(path);
    crashPoint('wipe_data_erased');
    return kept;
  });
}

function closing(isDone: boolean, withData: boolean, others: readonly string[]): string[] {
  const erased = withData
    ? 'the identity and the data of this robot are erased'
    : 'the identity of this robot is erased; its data stays (--data erases it)';
  return [
    isDone ? erased : 'not everything is erased: remove what is in the way, and repeat the command',
    ...(withData && others.length > 0 ? [`elderly-bot did not make these files of state_dir, so they stay: ${others.join(', ')}`] : []),
    'SD cards and SSDs may keep old blocks of erased files: run fstrim; only a disk that was encrypted from the start makes sure',
  ];
}

function unconfirmed(thing: string, confirm: string | undefined): AgentError {
  const text = confirm === undefined ? 'nothing was erased' : `nothing was erased: this robot is ${thing}, not ${confirm}`;
  return new AgentError('WIPE_UNCONFIRMED', text, { remedy: `to erase these files, repeat the command with --confirm ${thing}` });
}

function undelivered(stateDir: string, alerts: number | undefined): AgentError {
  const text =
    alerts === undefined
      ? `the outbox in ${stateDir} cannot be read`
      : `the outbox in ${stateDir} holds ${counted(alerts, 'alert')} that the cloud does not have`;
  return new AgentError('WIPE_UNCONFIRMED', `nothing was erased: ${text}`, {
    remedy: 'start the agent until they are delivered, or repeat the command with --undelivered to erase them too',
  });
}
