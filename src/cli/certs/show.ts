// `elderly-bot certs show`: lists the identities of this robot. It must never print a private key.
import { readFileSync } from 'node:fs';
import { present } from '../../base/index.ts';
import { AgentError } from '../../errors.ts';
import {
  type CredentialPaths,
  certificatesIn,
  commonName,
  DAY_MS,
  factsOf,
  identityPaths,
  readCredentials,
  type SlotName,
  slotPaths,
} from '../../identity/index.ts';
import { hasOwnPaths, loadRobotToInspect, type Robot } from './robot.ts';

const STATES = {
  certificate: 'a certificate',
  key_waits: 'a key that waits for its certificate (elderly-bot certs import)',
  provisioning: 'an unfinished provisioning (elderly-bot certs provision continues it)',
  before: 'the previous identity, kept as a fallback',
  empty: 'nothing',
} as const;

type Use = 'current' | 'spare' | 'paths';
type State = keyof typeof STATES;
type ShownIdentity = ReturnType<typeof identityIn>;

export async function show(file: string | undefined, json: boolean): Promise<number> {
  const robot = await loadRobotToInspect(file);
  const identities = identitiesOf(robot);
  const { config, clock } = robot;
  const output = { thing: config.thing, clock_trusted: clock.trusted(), identities };
  await present(output, json, ({ identities: found }) => found.flatMap(describe));
  return 0;
}

function identitiesOf(robot: Robot): ShownIdentity[] {
  const { config, slots, clock } = robot;
  const own = hasOwnPaths(robot)
    ? [identityIn('paths', null, 'certificate', identityPaths(config.mqtt, config.state_dir), clock.wall())]
    : [];
  const inSlot = (slot: SlotName, use: 'current' | 'spare') =>
    identityIn(use, slot, stateOf(robot, slot, use), slotPaths(slots, slot, config.mqtt.root_ca), clock.wall());
  return [...own, ...(slots.current === undefined ? [] : [inSlot(slots.current, 'current')]), inSlot(slots.spare, 'spare')];
}

function stateOf({ slots }: Robot, slot: SlotName, use: 'current' | 'spare'): State {
  if (use === 'spare' && slots.read(slot, 'pending') !== undefined) return 'provisioning';
  if (slots.read(slot, 'cert') !== undefined) return use === 'spare' && slots.canGoBack ? 'before' : 'certificate';
  return slots.read(slot, 'key') === undefined ? 'empty' : 'key_waits';
}

/** An entry of `--json`. `fault` says why the agent would not take these files. */
function identityIn(use: Use, slot: SlotName | null, state: State, paths: CredentialPaths, nowMs: number) {
  const isWhole = state === 'certificate' || state === 'before';
  const entry = { use, slot, state, cert_file: paths.certFile, root_ca: paths.rootCa, fault: isWhole ? faultOf(paths) : null };
  const [certificate] = certificatesIn(textOf(paths.certFile));
  if (certificate === undefined) return { ...entry, ...NO_CERTIFICATE };
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = certificate.publicKey;
  const { subject: _, ...facts } = factsOf(certificate);
  return {
    ...entry,
    name: commonName(certificate) ?? null,
    ...facts,
    key: `${kind} ${details?.modulusLength ?? details?.namedCurve ?? ''}`.trim(),
    days_left: Math.floor((Date.parse(facts.valid_to) - nowMs) / DAY_MS),
  };
}

const NO_CERTIFICATE = {
  ...{ name: null, issuer: null, serial: null, certificate_id: null, valid_from: null, valid_to: null, key: null, days_left: null },
};

function faultOf(paths: CredentialPaths): string | null {
  try {
    readCredentials(paths);
    return null;
  } catch (error) {
    if (error instanceof AgentError) return error.line;
    throw error;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function describe(shown: ShownIdentity): string[] {
  const { use, slot, state, cert_file: file, fault } = shown;
  const place = use === 'paths' ? `${file}, as configured` : `slot ${slot}, ${use === 'current' ? 'in use' : 'spare'}`;
  const faults = fault === null ? [] : [`  fault           ${fault}`];
  if (shown.valid_to === null) return [`${place}: ${fault === null ? STATES[state] : 'no readable certificate'}`, ...faults];
  return [
    `${place}: ${STATES[state]}`,
    ...faults,
    `  name            ${shown.name ?? 'none'}`,
    `  issuer          ${shown.issuer}`,
    `  serial          ${shown.serial}`,
    `  valid           ${shown.valid_from} to ${shown.valid_to}, ${shown.days_left} days left`,
    `  key             ${shown.key}`,
    `  certificate id  ${shown.certificate_id}`,
    `  file            ${file}`,
    `  root CA         ${shown.root_ca}`,
  ];
}
