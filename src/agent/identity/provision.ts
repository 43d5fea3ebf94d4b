// Gets a certificate for the robot: gives the identity module a broker connection for its requests, and tests the new certificate by
// connecting as the thing.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, eraseFile } from '../../base/index.ts';
import type { Clock } from '../../clock/index.ts';
import { brokerOf, type Config } from '../../config/index.ts';
import { AgentError } from '../../errors.ts';
import {
  type Credentials,
  identityPaths,
  type Provisioned,
  provision,
  readCredentials,
  type Slots,
  slotPaths,
} from '../../identity/index.ts';
import type { ProblemCode } from '../../status/index.ts';
import { type Answer, type CredentialTestResult, describeFailure, dialForRequests, testCredentials } from '../../uplink/index.ts';

export interface ProvisionParts {
  readonly config: Config;
  readonly slots: Slots;
  readonly clock: Clock;
  /** Called with one line of text for each step. */
  readonly report: (step: string) => void;
}

/** For use while the agent is not running. */
export interface StandaloneParts extends ProvisionParts {
  readonly timeoutMs: number;
}

/** Failures caused by the certificate or by its registration with IoT Core. */
const REFUSED: ReadonlySet<ProblemCode> = new Set([
  'certificate_refused',
  'certificate_expired',
  'not_authorized',
  'client_id_refused',
  'broker_hung_up',
]);

/** The longest pause between two attempts. It must be short, because someone may be waiting. */
const MAX_PAUSE_MS = 30_000;

/** Opens a broker connection for requests. @throws AgentError PROVISIONING_FAILED */
async function connect({ config, clock, timeoutMs }: StandaloneParts, credentials: Credentials, clientId: string) {
  const options = { ...brokerOf(config.mqtt), credentials, clientId, timeoutMs };
  try {
    return await dialForRequests(options, AbortSignal.timeout(2 * timeoutMs));
  } catch (error) {
    const { text, remedy } = describeFailure(error, clock, credentials);
    throw new AgentError('PROVISIONING_FAILED', `no connection to ${config.mqtt.endpoint}: ${text}`, { remedy, cause: error });
  }
}

/**
 * Connects with the configured claim certificate, using a random client id, and erases the claim's key once the robot's own certificate has
 * been tested and is in use. @throws AgentError
 */
export async function provisionByClaim(parts: StandaloneParts, keepsClaim = false): Promise<Provisioned> {
  const { template, claim_cert: certFile, claim_key: privateKey } = parts.config.provisioning;
  if (template === null || certFile === null || privateKey === null) throw unset('template, claim_cert and claim_key');
  if (!existsSync(privateKey)) {
    throw new AgentError('CERTIFICATE_MISSING', `the claim's key ${privateKey} is not there`, {
      remedy: 'copy it to the robot (again): certs provision erases it after a success, unless --keep-claim is given',
    });
  }
  const { rootCa } = slotPaths(parts.slots, parts.slots.current ?? parts.slots.spare, parts.config.mqtt.root_ca);
  const claim = readCredentials({ rootCa, certFile, privateKey, origin: 'the claim' });
  const connection = await connect(parts, claim, `elderly-bot-claim-${randomBytes(6).toString('hex')}`);
  try {
    const erase = keepsClaim ? undefined : () => eraseClaim(parts);
    return await provisionOver(parts, connection.ask, (credentials) => testWithoutAgent(parts, credentials), erase);
  } finally {
    await connection.close();
  }
}

/** Anyone who reads the claim's key can register robots. It stays if something else may use it, and the report says so. */
export function eraseClaim({ config, report }: Pick<ProvisionParts, 'config' | 'report'>): void {
  const { claim_key: key } = config.provisioning;
  if (key === null || !existsSync(key)) return;
  const reason = eraseFile(key);
  if (reason === undefined) report(`erased the claim's key ${key}; flash media may keep old blocks of it (docs/guide/certificates.md)`);
  else report(`WARNING: the claim's key ${key} stays, because ${reason}; anyone who reads it can register robots, so remove it yourself`);
}

/**
 * Connects with the robot's own certificate. Each request needs its own connection: the test of the new certificate connects as the same
 * thing, and the broker then closes the thing's older connections.
 * @throws AgentError
 */
export async function provisionAsThing(parts: StandaloneParts): Promise<Provisioned> {
  const { config, slots } = parts;
  const own = readCredentials(identityPaths(config.mqtt, config.state_dir));
  const ask = async (topic: string, body: object) => {
    const connection = await connect(parts, own, config.thing);
    try {
      return await connection.ask(topic, body);
    } finally {
      await connection.close();
    }
  };
  const done = await provisionOver(parts, ask, (credentials) => testWithoutAgent(parts, credentials));
  slots.retire();
  return done;
}

/** @throws AgentError PROVISIONING_UNSET if the configuration names a certificate file, because the agent would then ignore the slots. */
export function refuseOwnPaths({ mqtt }: Config): void {
  if (mqtt.cert_file === null) return;
  throw new AgentError('PROVISIONING_UNSET', 'mqtt.cert_file is set, so the agent would not use the slots', {
    remedy: 'remove mqtt.cert_file and mqtt.private_key (AWS_CERT_FILE and AWS_PRIVATE_KEY) first',
  });
}

/** @returns whether the failure was caused by the certificate rather than by the network or the clock. */
export function isRefusal(result: CredentialTestResult): boolean {
  return !result.works && REFUSED.has(result.cause);
}

/** Gets a certificate through the given connection. @throws AgentError */
export function provisionOver(
  { config, slots, clock, report }: ProvisionParts,
  ask: (topic: string, body: object) => Promise<Answer>,
  tryOut: (credentials: Credentials) => Promise<CredentialTestResult>,
  onUsed: () => void = () => {},
): Promise<Provisioned> {
  const { template, parameters, key: kind } = config.provisioning;
  if (template === null) throw unset('template');
  const { current } = slots;
  const limits = { minMs: config.mqtt.reconnect_min, maxMs: Math.min(MAX_PAUSE_MS, config.mqtt.reconnect_max) };
  const given = Object.entries({ ThingName: config.thing, ...parameters });
  return provision({
    slots,
    thing: config.thing,
    template,
    parameters: Object.fromEntries(given.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
    kind,
    rootCa: (current === undefined ? undefined : slots.read(current, 'rootCa')) ?? null,
    ask: async (topic, body) => {
      try {
        return await ask(topic, body);
      } catch (error) {
        if (error instanceof AgentError) throw error;
        const { text, remedy } = describeFailure(error, clock, { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY });
        throw new AgentError('PROVISIONING_FAILED', text, { remedy, cause: error });
      }
    },
    tryOut: async (slot) => {
      const result = await tryOut(readCredentials(slotPaths(slots, slot, config.mqtt.root_ca)));
      if (result.works) return undefined;
      return { refused: isRefusal(result), text: `${result.step}: ${result.text}`, remedy: result.remedy };
    },
    onUsed,
    pause: (failures) => sleep(backoffMs(failures, limits, Math.random())),
    report,
  });
}

/** Connects, subscribes and publishes as the thing. The robot's agent must not be running, because both would use the same client id. */
export function testWithoutAgent(
  { config, clock, timeoutMs }: Pick<StandaloneParts, 'config' | 'clock' | 'timeoutMs'>,
  credentials: Credentials,
): Promise<CredentialTestResult> {
  const { thing, topic_prefix: topicPrefix, mqtt } = config;
  return testCredentials({ ...brokerOf(mqtt), credentials, thing, topicPrefix, timeoutMs, clock });
}

function unset(keys: string): AgentError {
  return new AgentError('PROVISIONING_UNSET', `the configuration lacks provisioning.${keys}, which this robot needs to get a certificate`, {
    remedy: 'docs/guide/certificates.md, Fleet provisioning, explains the settings; or use elderly-bot certs init and import',
  });
}
