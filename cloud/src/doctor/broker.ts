// The broker: reachable, with a certificate of the configured root, and willing to accept the cloud. The check does not subscribe: another
// member of the shared subscription would take some of the robots' messages.

import { randomBytes } from 'node:crypto';
import { messageOf } from '../../../src/base/index.ts';
import { Session } from '../broker/index.ts';
import { SettingsError } from '../errors/index.ts';
import { CLIENT_ID_PREFIX } from '../rights/index.ts';
import type { Environment } from '../settings/index.ts';
import { endpointOf, readCredentials } from '../settings/index.ts';
import { type Finding, ok, problem, skipped } from './check.ts';
import { reachOf } from './network.ts';

const CONNECT_MS = 8_000;
/** Answers to CONNECT: bad credentials or not authorized, in MQTT 3.1.1 and 5. */
const REFUSED = new Set([4, 5, 134, 135]);

export async function checkBroker(environment: Environment): Promise<Finding[]> {
  const endpoint = endpointOf(environment.AWS_IOT_ENDPOINT ?? '');
  if (!environment.AWS_IOT_ENDPOINT || typeof endpoint === 'string') return [skipped('broker', 'AWS_IOT_ENDPOINT can’t be used')];
  const { AWS_ROOT_CA: rootCa = '', AWS_CERT_FILE: certFile = '', AWS_PRIVATE_KEY: privateKey = '' } = environment;
  const where = `${endpoint.host}:${endpoint.port}`;
  try {
    const credentials = endpoint.tls ? readCredentials({ rootCa, certFile, privateKey }) : null;
    const clientId = `${CLIENT_ID_PREFIX}doctor-${randomBytes(4).toString('hex')}`;
    const options = { endpoint, credentials, clientId, filters: [], take: () => {}, capacity: () => Promise.resolve() };
    let session = new Session(options, 5);
    let open = await openWithin(session);
    if (open === false && session.refusedVersion) {
      session = new Session(options, 4);
      open = await openWithin(session);
    }
    session.end();
    if (open) return [ok('broker', `${where} lets this certificate in`)];
    return [open === null ? silent(where) : whyNot(session.error, where)];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return [skipped('broker', 'the certificate can’t be used')];
  }
}

/** @returns null if the broker did not answer in time. */
async function openWithin(session: Session): Promise<boolean | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), CONNECT_MS);
  });
  const open = await Promise.race([session.open(), late]);
  clearTimeout(timer);
  return open;
}

function silent(where: string): Finding {
  return problem(
    'broker_timeout',
    `${where}: no answer to a connect within ${CONNECT_MS / 1_000} s`,
    'a firewall or security group drops it: let this machine out to that port, or use AWS_IOT_ENDPOINT=host:443',
  );
}

function whyNot(error: Error | null, where: string): Finding {
  const { code } = (error ?? {}) as { code?: unknown };
  const text = error ? messageOf(error) : 'the broker closed the connection without a word';
  const policy = 'activate the certificate and attach the cloud’s policy to it (cloud/aws/policies/README.md)';
  if (typeof code === 'number' && REFUSED.has(code)) return problem('broker_not_authorized', `${where}: ${text}`, policy);
  switch (reachOf(error)) {
    case 'name':
      return problem(
        'broker_name',
        `${where}: there is no such host`,
        'aws iot describe-endpoint --endpoint-type iot:Data-ATS gives AWS_IOT_ENDPOINT',
      );
    case 'refused':
      return problem('broker_refused', `${where}: nobody listens there`, 'start the broker, or check AWS_IOT_ENDPOINT');
    case 'timeout':
      return silent(where);
    case 'tls':
      return problem(
        'broker_tls',
        `${where}: ${text}`,
        'AWS_ROOT_CA has to be the CA of the broker’s certificate (AWS: Amazon Root CA 1), and the host its name; look at both clocks too',
      );
    default:
      return problem('broker_closed', `${where}: ${text}`, policy);
  }
}
