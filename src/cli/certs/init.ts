// `elderly-bot certs init`: a key that never leaves the robot, and the request with which somebody signs it.
import { writeFileSync } from 'node:fs';
import { type KeyKind, newKey, type Slots, signingRequest } from '../../identity/index.ts';
import { changing, hasOwnPaths, OWN_PATHS_NOTE, robotOf } from './robot.ts';

export interface InitOptions {
  readonly file: string | undefined;
  readonly kind: KeyKind;
  readonly out: string | undefined;
  /** A new key, though one waits for its certificate. */
  readonly anew: boolean;
  readonly json: boolean;
}

export async function init({ file, kind, out, anew, json }: InitOptions): Promise<number> {
  const robot = robotOf(file);
  const { slots, config } = robot;
  const { request, isNew } = await changing(robot, () => begin(slots, config.thing, kind, anew));
  const csr = slots.path(slots.spare, 'request');
  if (out !== undefined && out !== '-') writeFileSync(out, request);
  if (json) {
    process.stdout.write(`${JSON.stringify({ slot: slots.spare, csr, request, new_key: isNew })}\n`);
    return 0;
  }
  if (hasOwnPaths(robot)) process.stderr.write(`elderly-bot: ${OWN_PATHS_NOTE}\n`);
  if (out === '-') {
    process.stdout.write(request);
    return 0;
  }
  const lines = [
    isNew
      ? `a new key is in slot ${slots.spare}, and stays there`
      : `the key in slot ${slots.spare} waits for its certificate already; --new makes another`,
    `the signing request is ${out ?? csr}`,
    'next: have it signed (in the AWS console: Security, Certificates, Create with CSR; or',
    `  aws iot create-certificate-from-csr --set-as-active --certificate-signing-request file://${out ?? csr}),`,
    'then: elderly-bot certs import CERTIFICATE',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

async function begin(slots: Slots, thing: string, kind: KeyKind, anew: boolean): Promise<{ request: string; isNew: boolean }> {
  const slot = slots.spare;
  const waiting = anew ? undefined : slots.waitingKey;
  const key = waiting ?? (await newKey(kind));
  const request = await signingRequest(key, thing);
  if (waiting === undefined) {
    slots.empty(slot);
    slots.write(slot, 'key', key);
  }
  slots.write(slot, 'request', request);
  return { request, isNew: waiting === undefined };
}
