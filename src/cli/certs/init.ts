// `elderly-bot certs init`: creates a private key, which never leaves the robot, and a certificate signing request (CSR) for it.
import { print, writeShared } from '../../base/index.ts';
import { type KeyKind, newKey, type Slots, signingRequest } from '../../identity/index.ts';
import { loadRobot, warnOwnPaths, withCertsLock } from './robot.ts';

interface InitOptions {
  readonly file: string | undefined;
  readonly kind: KeyKind;
  /** A file to write the CSR to as well; `-` prints the CSR instead. */
  readonly out: string | undefined;
  /** Replaces a key that is still waiting for its certificate. If false, that key is reused. */
  readonly isForced: boolean;
  readonly json: boolean;
}

export async function init({ file, kind, out, isForced, json }: InitOptions): Promise<number> {
  const robot = await loadRobot(file);
  const { slots, config } = robot;
  const { request, isNew } = await withCertsLock(robot, () => createRequest(slots, config.thing, kind, isForced));
  const { spare } = slots;
  const csr = slots.path(spare, 'request');
  if (out !== undefined && out !== '-') writeShared(out, request);
  if (!json) warnOwnPaths(robot);
  const lines = [
    isNew
      ? `created a private key in slot ${spare}; it never leaves this robot`
      : `the key in slot ${spare} already waits for its certificate; --new creates another key`,
    `the certificate signing request (CSR) is ${out ?? csr}`,
    'next: get it signed (in the AWS console: Security, Certificates, Create with CSR; or',
    `  aws iot create-certificate-from-csr --set-as-active --certificate-signing-request file://${out ?? csr}),`,
    'then: elderly-bot certs import CERTIFICATE',
  ];
  if (json) await print(JSON.stringify({ slot: spare, csr, request, new_key: isNew }));
  else await print(out === '-' ? request.trimEnd().split('\n') : lines);
  return 0;
}

async function createRequest(slots: Slots, thing: string, kind: KeyKind, isForced: boolean): Promise<{ request: string; isNew: boolean }> {
  const { spare } = slots;
  const waiting = isForced ? undefined : slots.waitingKey;
  const key = waiting ?? (await newKey(kind));
  const request = await signingRequest(key, thing);
  if (waiting === undefined) {
    slots.empty(spare);
    slots.write(spare, 'key', key);
  }
  slots.write(spare, 'request', request);
  return { request, isNew: waiting === undefined };
}
