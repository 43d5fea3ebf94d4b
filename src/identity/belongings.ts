// Lists the files of a robot's identity, the most secret ones first, so that an interrupted decommissioning leaves the least, and its next
// call still knows the certificates. Also tells how to revoke them.
import { join } from 'node:path';
import { readSmallFile } from '../base/index.ts';
import { type CertificateFacts, factsOf } from './facts.ts';
import { certificatesIn } from './pem.ts';
import { Slots } from './slots.ts';

interface ConfiguredFiles {
  readonly state_dir: string;
  readonly mqtt: { readonly cert_file: string | null; readonly private_key: string | null };
  readonly provisioning: { readonly claim_cert: string | null; readonly claim_key: string | null };
}

const SLOT_NAMES = ['a', 'b'] as const;

/** Files with private keys and other secrets. */
export function secretFiles({ state_dir: stateDir, mqtt, provisioning }: ConfiguredFiles): string[] {
  const slots = new Slots(stateDir);
  const inSlots = SLOT_NAMES.flatMap((slot) => [slots.path(slot, 'key'), slots.path(slot, 'pending')]);
  return [...inSlots, ...present(mqtt.private_key, provisioning.claim_key)];
}

/** Files without secrets, in the order in which they may be erased after the secrets. Folders are erased with their content. */
export function otherFiles({ state_dir: stateDir, mqtt, provisioning }: ConfiguredFiles): string[] {
  return [...present(provisioning.claim_cert, mqtt.cert_file), join(stateDir, 'identity')];
}

/** The robot's certificates, without the claim's, which other robots use too. Unreadable ones are left out. */
export function ownCertificates({ state_dir: stateDir, mqtt }: ConfiguredFiles): CertificateFacts[] {
  const slots = new Slots(stateDir);
  const files = [...present(mqtt.cert_file), ...SLOT_NAMES.map((slot) => slots.path(slot, 'cert'))];
  const facts = files.flatMap((file) => certificatesAt(file).slice(0, 1).map(factsOf));
  return [...new Map(facts.map((each) => [each.certificate_id, each])).values()];
}

function certificatesAt(file: string) {
  try {
    return certificatesIn(readSmallFile(file).text);
  } catch {
    return [];
  }
}

function present(...files: readonly (string | null)[]): string[] {
  return files.filter((file) => file !== null);
}

/** @returns commands that make the certificate worthless, for an operator to type elsewhere. */
export function revocation({ certificate_id: id, serial, issuer }: CertificateFacts, thing: string, host: string): string[] {
  const region = /\.iot\.([a-z0-9-]+)\.amazonaws\.com/.exec(host)?.[1];
  if (region === undefined) return [`revoke the certificate at its CA (${issuer}): serial ${serial}, SHA-256 ${id}`];
  const aws = `aws iot --region ${region}`;
  return [
    `${aws} update-certificate --certificate-id ${id} --new-status REVOKED`,
    `${aws} describe-certificate --certificate-id ${id} --query certificateDescription.certificatePem --output text > robot.pem`,
    `elderly-bot-cloud device revoke ${thing} robot.pem`,
  ];
}
