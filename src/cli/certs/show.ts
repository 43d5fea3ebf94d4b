// `elderly-bot certs show`: lists the identities of this robot. It must never print a private key.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { print } from '../../base/index.ts';
import {
  blocksOf,
  type CredentialPaths,
  commonName,
  DAY_MS,
  identityPaths,
  type SlotName,
  slotPaths,
  validity,
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
  const robot = loadRobotToInspect(file);
  const identities = identitiesOf(robot);
  const { config, clock } = robot;
  const output = { thing: config.thing, clock_trusted: clock.trusted(), identities };
  await print(json ? JSON.stringify(output) : identities.map(describe).join('\n'));
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

/** An entry of `--json`. `certificate_id` is the id that IoT Core gives to the certificate: the SHA-256 of its DER form. */
function identityIn(use: Use, slot: SlotName | null, state: State, paths: CredentialPaths, nowMs: number) {
  const entry = { use, slot, state, cert_file: paths.certFile, root_ca: paths.rootCa };
  const [pem] = existsSync(paths.certFile) ? blocksOf(readFileSync(paths.certFile, 'utf8'), 'certificate') : [];
  if (pem === undefined) {
    return {
      ...entry,
      ...{ name: null, issuer: null, certificate_id: null, key: null, valid_from: null, valid_to: null, days_left: null },
    };
  }
  const certificate = new X509Certificate(pem);
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = certificate.publicKey;
  const [from, to] = validity(certificate);
  return {
    ...entry,
    name: commonName(certificate) ?? null,
    issuer: certificate.issuer.replaceAll('\n', ', '),
    certificate_id: createHash('sha256').update(certificate.raw).digest('hex'),
    key: `${kind} ${details?.modulusLength ?? details?.namedCurve ?? ''}`.trim(),
    valid_from: new Date(from).toISOString(),
    valid_to: new Date(to).toISOString(),
    days_left: Math.floor((to - nowMs) / DAY_MS),
  };
}

function describe(shown: ShownIdentity): string {
  const { use, slot, state, cert_file: file } = shown;
  const place = use === 'paths' ? `${file}, as configured` : `slot ${slot}, ${use === 'current' ? 'in use' : 'spare'}`;
  if (shown.valid_to === null) return `${place}: ${state === 'certificate' ? 'no readable certificate' : STATES[state]}`;
  return [
    `${place}: ${STATES[state]}`,
    `  name            ${shown.name ?? 'none'}`,
    `  issuer          ${shown.issuer}`,
    `  valid           ${shown.valid_from} to ${shown.valid_to}, ${shown.days_left} days left`,
    `  key             ${shown.key}`,
    `  certificate id  ${shown.certificate_id}`,
    `  file            ${file}`,
    `  root CA         ${shown.root_ca}`,
  ].join('\n');
}
