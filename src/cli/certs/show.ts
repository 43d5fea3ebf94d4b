// `elderly-bot certs show`: what is there. Never a key.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
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
import { hasOwnPaths, type Robot, robotSeen } from './robot.ts';

interface Shown {
  readonly use: 'current' | 'spare' | 'paths';
  readonly slot: SlotName | null;
  readonly state: 'certificate' | 'key_waits' | 'provisioning' | 'before' | 'empty';
  readonly cert_file: string;
  readonly root_ca: string;
  readonly name: string | null;
  readonly issuer: string | null;
  /** As IoT Core calls it: the SHA-256 of the certificate. */
  readonly certificate_id: string | null;
  readonly key: string | null;
  readonly valid_from: string | null;
  readonly valid_to: string | null;
  readonly days_left: number | null;
}

export async function show(file: string | undefined, json: boolean): Promise<number> {
  const robot = robotSeen(file);
  const shown = all(robot);
  if (json)
    process.stdout.write(`${JSON.stringify({ thing: robot.config.thing, clock_trusted: robot.clock.trusted(), identities: shown })}\n`);
  else process.stdout.write(`${shown.map(describe).join('\n')}\n`);
  return 0;
}

function all(robot: Robot): Shown[] {
  const { config, slots, clock } = robot;
  const own = hasOwnPaths(robot) ? [shownAs('paths', null, 'certificate', identityPaths(config.mqtt, config.state_dir), clock.wall())] : [];
  const { current, spare } = slots;
  const inSlot = (slot: SlotName, use: 'current' | 'spare') => {
    const pending = slots.read(slot, 'pending') !== undefined;
    const hasCert = slots.read(slot, 'cert') !== undefined;
    const before = use === 'spare' && slots.canGoBack ? 'before' : 'certificate';
    const state =
      pending && use === 'spare' ? 'provisioning' : hasCert ? before : slots.read(slot, 'key') === undefined ? 'empty' : 'key_waits';
    return shownAs(use, slot, state, slotPaths(slots, slot, config.mqtt.root_ca), clock.wall());
  };
  return [...own, ...(current === undefined ? [] : [inSlot(current, 'current')]), inSlot(spare, 'spare')];
}

function shownAs(use: Shown['use'], slot: SlotName | null, state: Shown['state'], paths: CredentialPaths, nowMs: number): Shown {
  const certificate = certificateIn(paths.certFile);
  const details = certificate?.publicKey.asymmetricKeyDetails;
  const to = certificate ? validity(certificate)[1] : undefined;
  return {
    use,
    slot,
    state,
    cert_file: paths.certFile,
    root_ca: paths.rootCa,
    name: certificate ? (commonName(certificate) ?? null) : null,
    issuer: certificate?.issuer.replaceAll('\n', ', ') ?? null,
    certificate_id: certificate ? createHash('sha256').update(certificate.raw).digest('hex') : null,
    key: certificate ? `${certificate.publicKey.asymmetricKeyType} ${details?.modulusLength ?? details?.namedCurve ?? ''}`.trim() : null,
    valid_from: certificate ? new Date(validity(certificate)[0]).toISOString() : null,
    valid_to: to === undefined ? null : new Date(to).toISOString(),
    days_left: to === undefined ? null : Math.floor((to - nowMs) / DAY_MS),
  };
}

function certificateIn(file: string): X509Certificate | undefined {
  const [pem] = existsSync(file) ? blocksOf(readFileSync(file, 'utf8'), 'certificate') : [];
  return pem === undefined ? undefined : new X509Certificate(pem);
}

const STATES: Readonly<Record<Shown['state'], string>> = {
  certificate: 'a certificate',
  key_waits: 'a key that waits for its certificate (elderly-bot certs import)',
  provisioning: 'a provisioning that is under way (elderly-bot certs provision goes on with it)',
  before: 'what served before, to go back to',
  empty: 'nothing',
};

function describe(shown: Shown): string {
  const where =
    shown.use === 'paths' ? `${shown.cert_file}, as configured` : `slot ${shown.slot}, ${shown.use === 'current' ? 'in use' : 'spare'}`;
  if (shown.valid_to === null)
    return `${where}: ${shown.state === 'certificate' ? 'no certificate that can be read' : STATES[shown.state]}`;
  const lines = [
    `${where}: ${STATES[shown.state]}`,
    `  name            ${shown.name ?? 'none'}`,
    `  issuer          ${shown.issuer}`,
    `  valid           ${shown.valid_from} to ${shown.valid_to}, ${shown.days_left} days left`,
    `  key             ${shown.key}`,
    `  certificate id  ${shown.certificate_id}`,
    `  file            ${shown.cert_file}`,
    `  root CA         ${shown.root_ca}`,
  ];
  return lines.join('\n');
}
