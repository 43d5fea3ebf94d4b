// Checks the connection to the broker step by step: network, host name, port, and both sides' certificates. The first step that fails
// shows the layer that is at fault.
import { isIP, isIPv6 } from 'node:net';
import { ownAddresses, quoted } from '../../base/index.ts';
import { PROBLEMS, type ProblemCode } from '../../status/index.ts';
import { connectCause, describeShown, failuresText, nameOf, type Tried } from '../../uplink/index.ts';
import { error, ok, skipped, warning } from '../check.ts';
import { type DoctorContext, robotCheck, rootCaOf } from '../context.ts';

const LOOPBACK = /^(localhost|127\.[0-9.]+|::1)$/;

export const network = robotCheck('network', 5_000, ({ host }) => {
  const outside = ownAddresses()
    .filter(({ internal }) => !internal)
    .map(({ name, address }) => `${name} ${address}`);
  if (outside.length > 0) return ok(outside.join(', '));
  if (LOOPBACK.test(host)) return ok('no address but loopback, and the broker is on loopback');
  return error('no interface has an address', 'connect the robot to a network: cable, Wi-Fi or modem', 'ip address');
});

export const dns = robotCheck('dns', 10_000, async (context) => {
  const { host, reached, flag } = context;
  const { addresses, nameFault } = await reached;
  if (!nameFault) return ok(addresses[0] === host ? host : `${host} is ${addresses.join(', ')}`);
  const { remedy } = PROBLEMS[causeOf(nameFault.reason, context)];
  if (addresses.length === 0) return error(nameFault.message, remedy, `getent hosts ${host}`);
  const observed = `${nameFault.message}; the agent uses the last known addresses ${addresses.join(', ')}`;
  return warning(observed, remedy, `elderly-bot doctor${flag}`, ['network']);
});

export const tcp = robotCheck('tcp', 15_000, async (context) => {
  const { tried, shown } = await context.reached;
  if (!shown) return skipped('needs the address', 'dns');
  const observed = tcpText(tried);
  if (shown.openMs !== undefined) return ok(observed);
  const { remedy } = PROBLEMS[causeOf(shown.failure?.reason, context)];
  return error(observed, remedy, `nc -vz ${shown.path.address} ${shown.path.port}`);
});

export const brokerCertificate = robotCheck('broker_certificate', 20_000, async (context) => {
  const { shown } = await context.reached;
  if (!shown?.handshake) return skipped('needs a connection', 'tcp', 'dns');
  const { chain, fault, protocol } = shown.handshake;
  if (!fault) return ok(`${protocol ?? 'TLS'} at ${nameOf(shown.path)}; ${chain.map(describeShown).join(' <- ')}`);
  const { message, reason } = chain.length > 0 ? fault : (shown.failure ?? fault);
  const cause = causeOf(reason, context);
  const at = `${nameOf(shown.path)}: ${message}`;
  const configured = rootCaOf(context.paths, context.config);
  const observed = chain.length > 0 ? `${PROBLEMS[cause].title}. ${at}; the configured root CA is ${configured}` : at;
  const isClock = cause === 'clock_wrong' || cause === 'broker_certificate_expired';
  return error(observed, PROBLEMS[cause].remedy, opensslCommand(context, shown), isClock ? ['clock', 'tcp'] : ['tcp', 'certificate']);
});

export const certificateAccepted = robotCheck('certificate_accepted', 20_000, async (context) => {
  const { shown } = await context.reached;
  if (!shown?.handshake) return skipped('needs a connection', 'tcp', 'dns');
  const { chain, refusal } = shown.handshake;
  if (chain.length === 0) return skipped('there was no handshake', 'broker_certificate');
  if (!refusal) return ok(`the broker at ${nameOf(shown.path)} accepts it`);
  const cause = causeOf(refusal.reason, context);
  const observed = `the broker at ${nameOf(shown.path)} ended the connection because of this robot’s certificate: ${refusal.message}`;
  const { remedy } = PROBLEMS[cause === 'certificate_expired' ? cause : 'certificate_refused'];
  return error(observed, remedy, opensslCommand(context, shown), cause === 'clock_wrong' ? ['clock'] : ['key', 'certificate', 'tcp']);
});

export function causeOf(code: string | number | undefined, { credentials }: DoctorContext): ProblemCode {
  const own = credentials instanceof Error ? { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY } : credentials;
  // Treat the clock as trusted here, because it has a check of its own.
  return connectCause(code, { trusted: () => true, wall: Date.now }, own);
}

function tcpText(tried: readonly Tried[]): string {
  const open = tried.flatMap(({ path, openMs }) => (openMs === undefined ? [] : [`${nameOf(path)} is open after ${openMs} ms`]));
  const closed = tried.flatMap(({ openMs, failure }) => (openMs === undefined && failure ? [failure] : []));
  return [...open, ...(closed.length > 0 ? [failuresText(closed)] : [])].join('; ');
}

function opensslCommand({ host, paths, config }: DoctorContext, { path: { address, port, alpn } }: Tried): string {
  const to = `-connect ${isIPv6(address) ? `[${address}]` : address}:${port}`;
  const name = isIP(host) ? '' : ` -servername ${host}${alpn === undefined ? '' : ` -alpn ${alpn}`}`;
  const own = paths instanceof Error ? '' : ` -cert ${quoted(paths.certFile)} -key ${quoted(paths.privateKey)}`;
  return `openssl s_client ${to}${name} -CAfile ${quoted(rootCaOf(paths, config))}${own} </dev/null`;
}
