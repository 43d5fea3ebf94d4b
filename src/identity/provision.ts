// Gets a certificate through AWS fleet provisioning: the robot creates a key, IoT Core issues a certificate for it, and a provisioning
// template creates the thing and activates the certificate. The robot must not use a certificate until it has been tested. Each step is
// recorded before the next one starts, so if the process is killed in between, at most one inactive certificate is wasted, and IoT Core
// deletes it after an hour. The transport is a parameter.
import * as z from 'zod';
import { crashPoint, parseJson } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type KeyKind, newKey, signingRequest } from './keys.ts';
import { blocksOf, certificatesIn, privateKeyIn } from './pem.ts';
import type { SlotName, Slots } from './slots.ts';

export const CREATE_TOPIC = '$aws/certificates/create-from-csr/json';

export function provisionTopic(template: string): string {
  return `$aws/provisioning-templates/${template}/provision/json`;
}

interface ProvisionOptions {
  readonly slots: Slots;
  readonly thing: string;
  readonly template: string;
  /** Parameters for the template. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly kind: KeyKind;
  /** The broker's root CA, to be stored with the certificate. If null, Amazon's root is used. */
  readonly rootCa: string | null;
  /** Sends a request and waits for the answer. @throws if no answer arrives */
  readonly ask: (topic: string, body: object) => Promise<{ readonly accepted: boolean; readonly body: unknown }>;
  /**
   * Connects, subscribes and publishes with the slot's certificate.
   * @returns undefined on success. `refused` means that the certificate is at fault, rather than the network or the clock.
   */
  readonly tryOut: (slot: SlotName) => Promise<{ readonly refused: boolean; readonly text: string; readonly remedy: string } | undefined>;
  /** Called once the robot uses the certificate durably. It is called again if the process was killed before the provisioning ended. */
  readonly onUsed: () => void;
  /** Waits before the next attempt. `failures` is the number of failed attempts so far. */
  readonly pause: (failures: number) => Promise<void>;
  /** Tells the user which step starts. */
  readonly report: (step: string) => void;
}

export interface Provisioned {
  readonly slot: SlotName;
  readonly certificateId: string;
}

/** State of an unfinished provisioning, stored in the spare slot next to the key and certificate. Its token is secret for an hour. */
const pendingSchema = z.object({
  token: z.string().min(1),
  certificate_id: z.string().min(1),
  template: z.string(),
  thing: z.string(),
  /** Name of the thing that the template created; null until then. */
  registered: z.string().nullable(),
});
type Pending = z.infer<typeof pendingSchema>;

const created = z.object({
  certificateOwnershipToken: z.string().min(1),
  certificateId: z.string().min(1),
  certificatePem: z.string().min(1),
});
const registered = z.object({ thingName: z.string().min(1) });
const refusal = z.object({ statusCode: z.number().optional(), errorCode: z.string().optional(), errorMessage: z.string().optional() });
type Refusal = z.infer<typeof refusal>;

/** Maximum number of attempts if failures are temporary, such as throttling, an AWS error, or a certificate that is not active yet. */
const MAX_ATTEMPTS = 5;

/** @throws AgentError PROVISIONING_REFUSED or PROVISIONING_FAILED; the next call continues from the last recorded step */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const { slots, report } = options;
  const slot = slots.spare;
  let pending = readPending(options, slot) ?? (await create(options, slot));
  if (pending.registered === null) {
    let thing = await register(options, slot, pending);
    if (thing === undefined) {
      report('the certificate can’t be registered any more; requesting another one');
      pending = await create(options, slot);
      thing = await register(options, slot, pending);
    }
    if (thing === undefined) throw failed('IoT Core refuses the ownership token that it just issued', 'try again later');
    pending = record(slots, slot, { ...pending, registered: thing });
    crashPoint('provision_registration_stored');
  }
  if (pending.registered !== options.thing) {
    throw failed(
      `template ${options.template} created the thing ${pending.registered}, but this robot is ${options.thing}`,
      `set thing: ${pending.registered} in the configuration and repeat the command, or let the template use the parameter ThingName`,
    );
  }
  report('testing the certificate: connect, subscribe, publish');
  await tryOutOrFail(options, slot);
  crashPoint('provision_proved');
  await slots.use(slot, options.thing);
  crashPoint('provision_taken');
  options.onUsed();
  crashPoint('provision_claim_erased');
  clearProvisioning(slots, slot);
  crashPoint('provision_done');
  return { slot, certificateId: pending.certificate_id };
}

/** Removes a slot's provisioning state. If the process is killed just before this, the state remains in the slot that is now in use. */
export function clearProvisioning(slots: Slots, slot: SlotName): void {
  slots.remove(slot, 'pending');
  slots.remove(slot, 'request');
}

/** Whether the certificate in use was provisioned by a process that was killed before it could finish. */
export function isUnfinished(slots: Slots): boolean {
  return slots.current !== undefined && slots.read(slots.current, 'pending') !== undefined;
}

/** Whether a provisioning has been started but not finished. */
export function isProvisioning(slots: Slots): boolean {
  return slots.read(slots.spare, 'pending') !== undefined;
}

/** Returns the unfinished provisioning for this thing and template, or undefined if provisioning must start from the beginning. */
function readPending({ slots, template, thing }: ProvisionOptions, slot: SlotName): Pending | undefined {
  const text = slots.read(slot, 'pending');
  const [cert, key] = [slots.read(slot, 'cert'), slots.read(slot, 'key')];
  if (text === undefined || cert === undefined || key === undefined || !isPair(cert, key)) return undefined;
  const parsed = pendingSchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.template !== template) return undefined;
  // After a name mismatch, the user may have set `thing` to the name that the template chose, as the error message suggests.
  return parsed.data.thing === thing || parsed.data.registered === thing ? parsed.data : undefined;
}

/** Gets a certificate for the waiting key, or for a new key if there is no usable one, and stores both in the slot. */
async function create(options: ProvisionOptions, slot: SlotName): Promise<Pending> {
  const { slots, thing, template, kind, rootCa, report } = options;
  let key = slots.waitingKey;
  if (key === undefined || privateKeyIn(key) === undefined) {
    key = await newKey(kind);
    slots.empty(slot);
    slots.write(slot, 'key', key);
  }
  crashPoint('provision_key_made');
  slots.remove(slot, 'pending');
  report('requesting a certificate');
  const request = await signingRequest(key, thing);
  const answer = await askRepeatedly(options, CREATE_TOPIC, { certificateSigningRequest: request });
  if (answer.refused) throw refused('to sign this robot’s key', CREATE_TOPIC, answer.refused);
  const parsed = created.safeParse(answer.body);
  if (!parsed.success) throw failed(`the answer on ${CREATE_TOPIC}/accepted contains no certificate`, 'try again');
  const { certificateOwnershipToken: token, certificateId, certificatePem } = parsed.data;
  if (!isPair(certificatePem, key)) throw failed('the received certificate is for another key', 'try again');
  crashPoint('provision_certificate_answered');
  slots.write(slot, 'cert', blocksOf(certificatePem, 'certificate').join(''));
  if (rootCa !== null) slots.write(slot, 'rootCa', rootCa);
  crashPoint('provision_certificate_stored');
  const pending = record(slots, slot, { token, certificate_id: certificateId, template, thing, registered: null });
  crashPoint('provision_pending_stored');
  return pending;
}

/** @returns the thing's name; undefined if the token has expired and the certificate does not work either */
async function register(options: ProvisionOptions, slot: SlotName, pending: Pending): Promise<string | undefined> {
  const { template, parameters, thing, report } = options;
  const topic = provisionTopic(template);
  report(`registering ${thing} with the template ${template}`);
  const answer = await askRepeatedly(options, topic, { certificateOwnershipToken: pending.token, parameters });
  if (answer.refused) {
    if (!/OwnershipToken/.test(answer.refused.errorCode ?? '')) throw refused('to register this robot', topic, answer.refused);
    // An earlier attempt may have registered the certificate even though its answer was lost, so test the certificate before giving up.
    const failure = await options.tryOut(slot);
    if (failure === undefined) return thing;
    if (!failure.refused) throw failed(`the new certificate can’t be tested: ${failure.text}`, failure.remedy);
    return undefined;
  }
  const parsed = registered.safeParse(answer.body);
  if (!parsed.success) throw failed(`the answer on ${topic}/accepted names no thing`, 'try again');
  crashPoint('provision_registered');
  return parsed.data.thingName;
}

/** Tests the certificate, with retries because IoT Core may take a few seconds to accept a new one. */
async function tryOutOrFail({ tryOut, pause }: ProvisionOptions, slot: SlotName): Promise<void> {
  for (let failures = 1; ; failures++) {
    const failure = await tryOut(slot);
    if (failure === undefined) return;
    if (!failure.refused || failures === MAX_ATTEMPTS) throw failed(`the new certificate does not work: ${failure.text}`, failure.remedy);
    await pause(failures);
  }
}

/** Sends a request, and repeats it if AWS throttles it or fails temporarily. */
async function askRepeatedly(
  { ask, pause, report }: ProvisionOptions,
  topic: string,
  body: object,
): Promise<{ readonly body: unknown; readonly refused?: Refusal }> {
  for (let failures = 1; ; failures++) {
    const answer = await ask(topic, body);
    if (answer.accepted) return answer;
    const refused = refusal.safeParse(answer.body).data ?? {};
    const { statusCode = 0, errorCode = '', errorMessage = '' } = refused;
    const isTemporary = statusCode === 429 || statusCode >= 500;
    if (!isTemporary || failures === MAX_ATTEMPTS) return { body: answer.body, refused };
    report(`${statusCode} ${errorCode}: ${errorMessage}; trying again`);
    await pause(failures);
  }
}

function record(slots: Slots, slot: SlotName, pending: Pending): Pending {
  slots.write(slot, 'pending', `${JSON.stringify(pending)}\n`);
  return pending;
}

function isPair(cert: string, key: string): boolean {
  const privateKey = privateKeyIn(key);
  return privateKey !== undefined && (certificatesIn(cert)[0]?.checkPrivateKey(privateKey) ?? false);
}

/** Remedies by the status code of AWS's refusal. */
const REMEDIES: Readonly<Record<number, string>> = {
  400: 'compare the parameters of the template with provisioning.parameters',
  403: 'allow it in the policy of the requesting certificate, and check the template’s role and its pre-provisioning hook',
  404: 'check provisioning.template, and that the template is enabled and in the region of mqtt.endpoint',
  429: 'AWS limits the rate of requests: try again later',
};

function refused(request: string, topic: string, { statusCode, errorCode, errorMessage }: Refusal): AgentError {
  const reason = [statusCode, errorCode, errorMessage].filter((part) => part !== undefined).join(' ') || 'without a reason';
  const remedy =
    REMEDIES[statusCode ?? 0] ??
    ((statusCode ?? 0) >= 500 ? 'AWS has a failure: try again later' : 'check the template in the AWS console');
  return new AgentError('PROVISIONING_REFUSED', `AWS refused ${request}: ${reason} (${topic})`, {
    remedy,
    fields: { statusCode, errorCode },
  });
}

function failed(text: string, remedy: string): AgentError {
  return new AgentError('PROVISIONING_FAILED', text, { remedy });
}
