// Checks the connection to the broker step by step: network, host name, port, and both sides' certificates. The first step that fails
// shows the layer that is at fault.
import { networkInterfaces } from 'node:os';
import { quoted } from '../../base/index.ts';
import { PROBLEMS, type ProblemCode } from '../../status/index.ts';
import { connectCause } from '../../uplink/index.ts';
import { error, ok, skipped } from '../check.ts';
import { type DoctorContext, robotCheck, rootCaOf } from '../context.ts';
import type { PeerCertificate, TlsProbe } from './tls.ts';

const LOOPBACK = /^(localhost|127\.[0-9.]+|::1)$/;

export const network = robotCheck('network', 5_000, ({ host }) => {
  const outside = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80')).map(({ address }) => `${name} ${address}`),
  );
  if (outside.length > 0) return ok(outside.join(', '));
  if (LOOPBACK.test(host)) return ok('no address but loopback, and the broker is on loopback');
  return error('no interface has an address', 'connect the robot to a network: cable, Wi-Fi or modem', 'ip address');
});

export const dns = robotCheck('dns', 10_000, async ({ host, reached }) => {
  const { addresses, nameError } = await reached;
  if (nameError === undefined) return ok(`${host} is ${addresses.join(', ')}`);
  return error(nameError, PROBLEMS.broker_name_unknown.remedy, `getent hosts ${host}`);
});

export const tcp = robotCheck('tcp', 15_000, async ({ host, reached }) => {
  const { tried, route, nameError } = await reached;
  if (nameError !== undefined) return skipped('needs the address', 'dns');
  const observed = `${host}: ${tried.map(({ port, failure, ms }) => `port ${port} ${failure ?? `open after ${ms} ms`}`).join(', ')}`;
  if (route) return ok(observed);
  const [first] = tried;
  const problem = first?.failure === 'ECONNREFUSED' ? PROBLEMS.broker_refused_connection : PROBLEMS.broker_unreachable;
  return error(observed, problem.remedy, `nc -vz ${host} ${first?.port ?? 8883}`);
});

export const brokerCertificate = robotCheck('broker_certificate', 20_000, async (context) => {
  const tls = await context.tls;
  if (!tls) return skipped('needs a connection', 'tcp', 'dns');
  const { chain, untrusted, refused, protocol } = tls;
  if (chain.length === 0) {
    const remedy = 'check the port: another service, or MQTT without TLS, may use it';
    return error(`no TLS: ${refused?.text ?? 'the connection ended'}`, remedy, opensslCommand(context));
  }
  const shown = chain.map(described).join(' <- ');
  if (untrusted === undefined) return ok(`${protocol ?? 'TLS'}; ${shown}`);
  const cause = causeOf(untrusted, context);
  const observed = `${PROBLEMS[cause].title} (${untrusted}): it showed ${shown}; the configured root CA is ${rootCaOf(context.paths, context.config)}`;
  const isClock = cause === 'clock_wrong' || cause === 'broker_certificate_expired';
  return error(observed, PROBLEMS[cause].remedy, opensslCommand(context), isClock ? ['clock', 'tcp'] : ['tcp', 'certificate']);
});

export const certificateAccepted = robotCheck('certificate_accepted', 20_000, async (context) => {
  const tls = await context.tls;
  if (!tls) return skipped('needs a connection', 'tcp', 'dns');
  if (tls.chain.length === 0) return skipped('there was no handshake', 'broker_certificate');
  if (!tls.refused) return ok('the broker accepts it');
  const cause = causeOf(tls.refused.code, context);
  const observed = `the broker ended the connection because of this robot’s certificate: ${alertOf(tls.refused)}`;
  const { remedy } = PROBLEMS[cause === 'certificate_expired' ? cause : 'certificate_refused'];
  return error(observed, remedy, opensslCommand(context), cause === 'clock_wrong' ? ['clock'] : ['key', 'certificate', 'tcp']);
});

export function causeOf(code: string | number | undefined, { credentials }: DoctorContext): ProblemCode {
  const own = credentials instanceof Error ? { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY } : credentials;
  // Treat the clock as trusted here, because it has a check of its own.
  return connectCause(code, { trusted: () => true, wall: Date.now }, own);
}

/** Extracts the TLS alert from OpenSSL's error text, such as `...:SSL routines:...:tlsv1 alert unknown ca:...:SSL alert number 48`. */
function alertOf({ code, text }: NonNullable<TlsProbe['refused']>): string {
  const words = /SSL routines:[^:]*:([^:]+):.*?(SSL alert number \d+)/.exec(text);
  return words ? `${words[1]} (${words[2]})` : (code ?? text);
}

function described({ subject, issuer, notAfterMs, names }: PeerCertificate): string {
  return `${subject}${names ? ` [${names}]` : ''} by ${issuer} until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;
}

function opensslCommand({ host, paths, port, config }: DoctorContext): string {
  const own = paths instanceof Error ? '' : ` -cert ${quoted(paths.certFile)} -key ${quoted(paths.privateKey)}`;
  return `openssl s_client -connect ${host}:${port ?? 8883} -servername ${host} -CAfile ${quoted(rootCaOf(paths, config))}${own} </dev/null`;
}
