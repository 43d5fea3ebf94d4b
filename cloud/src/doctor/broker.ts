// Checks the broker: it is reachable, its certificate comes from the configured root, and it accepts the cloud's certificate. The check
// does not subscribe, because the shared subscription would then deliver some of the robots' messages to the doctor.
import { randomBytes } from 'node:crypto';
import { messageOf, withDeadline } from '../../../src/base/index.ts';
import { Session } from '../broker/index.ts';
import { SettingsError } from '../errors/index.ts';
import { CLIENT_ID_PREFIX } from '../rights/index.ts';
import { type Environment, endpointOf, readCredentials } from '../settings/index.ts';
import { type Finding, ok, problem, skipped, unreachable } from './check.ts';

const CONNECT_MS = 8_000;
/** Answers to CONNECT that mean bad credentials or no authorization, in MQTT 3.1.1 and 5. */
const REFUSED = new Set([4, 5, 134, 135]);
const POLICY = 'activate the certificate and attach the cloud’s policy to it (cloud/aws/policies/README.md)';

export async function checkBroker(environment: Environment): Promise<Finding[]> {
  const endpoint = endpointOf(environment.AWS_IOT_ENDPOINT ?? '');
  if (typeof endpoint === 'string') return [skipped('broker', 'AWS_IOT_ENDPOINT is missing or not valid')];
  const place = `${endpoint.host}:${endpoint.port}`;
  try {
    const credentials = endpoint.tls ? readCredentials(environment) : null;
    const clientId = `${CLIENT_ID_PREFIX}doctor-${randomBytes(4).toString('hex')}`;
    const options = { endpoint, credentials, clientId, filters: [], take: () => {}, capacity: () => Promise.resolve() };
    // Null if the broker does not answer in time.
    const openWithin = (tried: Session) => withDeadline<boolean | null>(tried.open(), CONNECT_MS, () => null);
    let session = new Session(options, 5);
    let open = await openWithin(session);
    if (open === false && session.refusedVersion) {
      session = new Session(options, 4);
      open = await openWithin(session);
    }
    session.end();
    if (open) return [ok('broker', `${place} accepts this certificate`)];
    return [faultOf(open === null ? new Error('timed out') : (session.error ?? new Error('the broker closed the connection')), place)];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return [skipped('broker', 'the certificate can’t be used')];
  }
}

function faultOf(error: Error, place: string): Finding {
  const { code } = error as { code?: unknown };
  if (typeof code === 'number' && REFUSED.has(code)) return problem('broker_not_authorized', `${place}: ${messageOf(error)}`, POLICY);
  return unreachable(place, error, {
    name: ['broker_name', 'aws iot describe-endpoint --endpoint-type iot:Data-ATS prints the value for AWS_IOT_ENDPOINT'],
    refused: ['broker_refused', 'start the broker, or check AWS_IOT_ENDPOINT'],
    timeout: [
      'broker_timeout',
      'a firewall or security group drops the packets: allow this machine to reach that port, or use AWS_IOT_ENDPOINT=host:443',
    ],
    tls: [
      'broker_tls',
      'AWS_ROOT_CA must be the CA of the broker’s certificate (AWS: Amazon Root CA 1), and the host must be its name; also check both clocks',
    ],
    other: ['broker_closed', POLICY],
  });
}
