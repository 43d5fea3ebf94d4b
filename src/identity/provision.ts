// AWS fleet provisioning: the robot creates the key, IoT Core signs it, a template creates the thing and activates the certificate. Only a
// certificate that passed its trial is used. Each step is recorded before the next one starts, so a kill between two steps costs at
// most one inactive certificate, which IoT Core deletes after an hour. The transport is a parameter.
import { X509Certificate } from 'node:crypto';
import * as z from 'zod';
import { crashPoint, parseJson } from '../base/index.ts';
import { AgentError } from '../errors.ts';
import { type KeyKind, newKey, signingRequest } from './keys.ts';
import { blocksOf } from './pem.ts';
import type { SlotName, Slots } from './slots.ts';
import { privateKeyIn } from './verify.ts';

export const CREATE_TOPIC = '$aws/certificates/create-from-csr/json';

export function provisionTopic(template: string): string {
  return `$aws/provisioning-templates/${template}/provision/json`;
}

export interface ProvisionOptions {
  readonly slots: Slots;
  readonly thing: string;
  readonly template: string;
  /** Parameters of the template. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly kind: KeyKind;
  /** The broker's root, kept with the certificate; null: Amazon's. */
  readonly rootCa: string | null;
  /** Sends a request and waits for the answer. @throws if no answer arrives */
  readonly ask: (topic: string, body: object) => Promise<{ readonly accepted: boolean; readonly body: unknown }>;
  /**
   * Connects, subscribes and publishes with the slot's certificate.
   * @returns undefined on success, else the reason; `refused` if the certificate is the cause, not the network or the clock.
   */
  readonly prove: (slot: SlotName) => Promise<{ readonly refused: boolean; readonly text: string; readonly remedy: string } | undefined>;
  /** Waits before the next attempt, after `failures` failures. */
  readonly pause: (failures: number) => Promise<void>;
  readonly say: (step: string) => void;
}

export interface Provisioned {
  readonly slot: SlotName;
  readonly certificateId: string;
}

/** State of an unfinished provisioning, beside the key and the certificate in the spare slot. The token is secret for an hour. */
const pendingSchema = z.object({
  token: z.string().min(1),
  certificate_id: z.string().min(1),
  template: z.string(),
  thing: z.string(),
  /** The thing that the template created, once it did. */
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

/** Attempts for a temporary failure: throttling, an AWS error, a certificate that is not active yet. */
const TRIES = 5;

/** @throws AgentError PROVISIONING_REFUSED or PROVISIONING_FAILED; the next call continues from the last recorded step. */
export async function provision(options: ProvisionOptions): Promise<Provisioned> {
  const { slots, say } = options;
  const slot = slots.spare;
  let pending = readPending(options, slot) ?? (await create(options, slot));
  if (pending.registered === null) {
    const thing = await register(options, slot, pending);
    if (thing === undefined) {
      say('that certificate can’t be registered any more; another is asked for');
      pending = await create(options, slot);
      const again = await register(options, slot, pending);
      if (again === undefined) throw failed('IoT Core does not take the ownership token it has just given', 'try again later');
      pending = note(slots, slot, { ...pending, registered: again });
    } else pending = note(slots, slot, { ...pending, registered: thing });
    crashPoint('provision_registration_stored');
  }
  if (pending.registered !== options.thing) {
    throw failed(
      `template ${options.template} made the thing ${pending.registered}, and this robot is ${options.thing}`,
      `set thing: ${pending.registered} in the configuration and call this again, or have the template take the parameter ThingName`,
    );
  }
  say('trying it: connect, subscribe, publish');
  await proveOrFail(options, slot);
  crashPoint('provision_proved');
  await slots.use(slot, options.thing);
  crashPoint('provision_taken');
  tidy(slots, slot);
  crashPoint('provision_done');
  return { slot, certificateId: pending.certificate_id };
}

/** Removes the state that a provisioning left if it was killed after its last step. */
export function tidy(slots: Slots, slot: SlotName): void {
  slots.remove(slot, 'pending');
  slots.remove(slot, 'request');
}

/** Whether a provisioning is unfinished. */
export function isProvisioning(slots: Slots): boolean {
  return slots.read(slots.spare, 'pending') !== undefined;
}

/** The matching unfinished provisioning; undefined to start from the beginning. */
function readPending({ slots, template, thing }: ProvisionOptions, slot: SlotName): Pending | undefined {
  const text = slots.read(slot, 'pending');
  const [cert, key] = [slots.read(slot, 'cert'), slots.read(slot, 'key')];
  if (text === undefined || cert === undefined || key === undefined || !isFor(cert, key)) return undefined;
  const parsed = pendingSchema.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.template !== template) return undefined;
  // The configuration may have been changed to the thing that the template created.
  return parsed.data.thing === thing || parsed.data.registered === thing ? parsed.data : undefined;
}

async function create(options: ProvisionOptions, slot: SlotName): Promise<Pending> {
  const { slots, thing, template, kind, rootCa, say } = options;
  let key = slots.waitingKey;
  if (key === undefined || privateKeyIn(key) === undefined) {
    key = await newKey(kind);
    slots.empty(slot);
    slots.write(slot, 'key', key);
  }
  crashPoint('provision_key_made');
  slots.remove(slot, 'pending');
  say('asking for a certificate');
  const request = await signingRequest(key, thing);
  const answer = await insist(options, CREATE_TOPIC, { certificateSigningRequest: request });
  if (answer.refused) throw refused('to sign this robot’s key', CREATE_TOPIC, answer.refused);
  const parsed = created.safeParse(answer.body);
  if (!parsed.success) throw failed(`the answer on ${CREATE_TOPIC}/accepted has no certificate in it`, 'try again');
  const { certificateOwnershipToken: token, certificateId, certificatePem } = parsed.data;
  if (!isFor(certificatePem, key)) throw failed('the certificate that came is for another key', 'try again');
  crashPoint('provision_certificate_answered');
  slots.write(slot, 'cert', blocksOf(certificatePem, 'certificate').join(''));
  if (rootCa !== null) slots.write(slot, 'rootCa', rootCa);
  crashPoint('provision_certificate_stored');
  const pending = note(slots, slot, { token, certificate_id: certificateId, template, thing, registered: null });
  crashPoint('provision_pending_stored');
  return pending;
}

/** @returns the thing's name; undefined if the token expired and the certificate does not work either. */
async function register(options: ProvisionOptions, slot: SlotName, pending: Pending): Promise<string | undefined> {
  const { template, parameters, thing, say } = options;
  const topic = provisionTopic(template);
  say(`registering ${thing} by the template ${template}`);
  const answer = await insist(options, topic, { certificateOwnershipToken: pending.token, parameters });
  if (answer.refused) {
    if (!/OwnershipToken/.test(answer.refused.errorCode ?? '')) throw refused('to register this robot', topic, answer.refused);
    // An earlier call whose answer got lost may have registered the certificate.
    const why = await options.prove(slot);
    if (why === undefined) return thing;
    if (!why.refused) throw failed(`whether the certificate works can’t be told: ${why.text}`, why.remedy);
    return undefined;
  }
  const parsed = registered.safeParse(answer.body);
  if (!parsed.success) throw failed(`the answer on ${topic}/accepted names no thing`, 'try again');
  crashPoint('provision_registered');
  return parsed.data.thingName;
}

/** IoT Core accepts a new certificate only after some seconds. */
async function proveOrFail({ prove, pause }: ProvisionOptions, slot: SlotName): Promise<void> {
  for (let failures = 1; ; failures++) {
    const why = await prove(slot);
    if (why === undefined) return;
    if (!why.refused || failures === TRIES) throw failed(`the new certificate does not work: ${why.text}`, why.remedy);
    await pause(failures);
  }
}

type Insisted = { readonly body: unknown; readonly refused?: z.infer<typeof refusal> };

/** Repeats a request after a temporary failure. */
async function insist({ ask, pause, say }: ProvisionOptions, topic: string, body: object): Promise<Insisted> {
  for (let failures = 1; ; failures++) {
    const answer = await ask(topic, body);
    if (answer.accepted) return answer;
    const refusedBy = refusal.safeParse(answer.body).data ?? {};
    const passes = refusedBy.statusCode === 429 || (refusedBy.statusCode ?? 0) >= 500;
    if (!passes || failures === TRIES) return { body: answer.body, refused: refusedBy };
    say(`${refusedBy.statusCode} ${refusedBy.errorCode ?? ''}: ${refusedBy.errorMessage ?? ''}; trying again`);
    await pause(failures);
  }
}

function note(slots: Slots, slot: SlotName, pending: Pending): Pending {
  slots.write(slot, 'pending', `${JSON.stringify(pending)}\n`);
  return pending;
}

function isFor(cert: string, key: string): boolean {
  const [pem] = blocksOf(cert, 'certificate');
  const privateKey = privateKeyIn(key);
  try {
    return pem !== undefined && privateKey !== undefined && new X509Certificate(pem).checkPrivateKey(privateKey);
  } catch {
    return false;
  }
}

const TODO: Readonly<Record<number, string>> = {
  400: 'compare the parameters of the template with provisioning.parameters',
  403: 'allow it in the policy of the certificate that asks, and look at the template’s role and its pre-provisioning hook',
  404: 'check provisioning.template, and that the template is in the region of mqtt.endpoint and enabled',
  429: 'AWS is asked too often: try again later',
};

function refused(what: string, topic: string, { statusCode, errorCode, errorMessage }: z.infer<typeof refusal>): AgentError {
  const words = [statusCode, errorCode, errorMessage].filter((part) => part !== undefined).join(' ') || 'without a reason';
  const remedy =
    TODO[statusCode ?? 0] ?? ((statusCode ?? 0) >= 500 ? 'AWS has a trouble of its own: try again later' : 'look at it in the AWS console');
  return new AgentError('PROVISIONING_REFUSED', `AWS refused ${what}: ${words} (${topic})`, { remedy, fields: { statusCode, errorCode } });
}

function failed(text: string, remedy: string): AgentError {
  return new AgentError('PROVISIONING_FAILED', text, { remedy });
}
