// The connection to the broker, step by step: network, name, port, and TLS from both sides. Each step shows where the fault is.
import { networkInterfaces } from 'node:os';
import { quoted } from '../../base/index.ts';
import { PROBLEMS, type ProblemCode } from '../../status/index.ts';
import { connectCause } from '../../uplink/index.ts';
import type { Finding } from '../check.ts';
import { type DoctorContext, ok, robotCheck, rootCaOf, skipped } from '../context.ts';
import type { ShownCertificate, TlsLook } from './tls.ts';

const LOOPBACK = /^(localhost|127\.[0-9.]+|::1)$/;

export const network = robotCheck('network', 5_000, ({ host }): Finding => {
  const outside = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80')).map(({ address }) => `${name} ${address}`),
  );
  if (outside.length > 0) return ok(outside.join(', '));
  if (LOOPBACK.test(host)) return ok('no address but loopback, and the broker is on loopback');
  return {
    status: 'error',
    observed: 'no interface has an address',
    remedy: 'bring the network up: cable, Wi-Fi, modem',
    command: 'ip address',
  };
});

export const dns = robotCheck('dns', 10_000, async ({ host, reached }): Promise<Finding> => {
  const { addresses, nameError } = await reached;
  if (nameError === undefined) return ok(`${host} is ${addresses.join(', ')}`);
  return { status: 'error', observed: nameError, remedy: PROBLEMS.broker_name_unknown.remedy, command: `getent hosts ${host}` };
});

export const tcp = robotCheck('tcp', 15_000, async ({ host, reached }): Promise<Finding> => {
  const { tried, route, nameError } = await reached;
  if (nameError !== undefined) return { ...skipped('needs the address'), because: ['dns'] };
  const results = tried.map(({ port, error, ms }) => `port ${port} ${error ?? `open after ${ms} ms`}`).join(', ');
  if (route) return ok(`${host}: ${results}`);
  const [first] = tried;
  const isRefused = first?.code === 'ECONNREFUSED';
  const remedy = (isRefused ? PROBLEMS.broker_refused_connection : PROBLEMS.broker_unreachable).remedy;
  return { status: 'error', observed: `${host}: ${results}`, remedy, command: `nc -vz ${host} ${first?.port ?? 8883}` };
});

export const brokerCertificate = robotCheck('broker_certificate', 20_000, async (context): Promise<Finding> => {
  const look = await context.tls;
  if (!look) return { ...skipped('needs a connection'), because: ['tcp', 'dns'] };
  const shown = look.chain.map(described).join(' <- ');
  if (look.chain.length === 0) {
    const observed = `no TLS: ${look.refused?.text ?? 'the connection ended'}`;
    return {
      status: 'error',
      observed,
      remedy: 'check the port: MQTT without TLS, or something else, may listen there',
      command: command(context),
    };
  }
  if (look.untrusted === undefined) return ok(`${look.protocol ?? 'TLS'}; ${shown}`);
  const cause = causeOf(look.untrusted, context);
  const observed = `${PROBLEMS[cause].title} (${look.untrusted}): it showed ${shown}; the configured root CA is ${rootCaOf(context.paths, context.config)}`;
  const byClock = cause === 'clock_wrong' || cause === 'broker_certificate_expired';
  return {
    status: 'error',
    observed,
    remedy: PROBLEMS[cause].remedy,
    command: command(context),
    because: byClock ? ['clock', 'tcp'] : ['tcp', 'certificate'],
  };
});

export const certificateAccepted = robotCheck('certificate_accepted', 20_000, async (context): Promise<Finding> => {
  const look = await context.tls;
  if (!look) return { ...skipped('needs a connection'), because: ['tcp', 'dns'] };
  if (look.chain.length === 0) return { ...skipped('there was no handshake'), because: ['broker_certificate'] };
  if (!look.refused) return ok('the broker accepts it');
  const cause = causeOf(look.refused.code, context);
  const observed = `the broker ended the connection over this robot’s certificate: ${alertOf(look)}`;
  const because = cause === 'clock_wrong' ? (['clock'] as const) : (['key', 'certificate', 'tcp'] as const);
  const remedy = cause === 'certificate_expired' ? PROBLEMS.certificate_expired.remedy : PROBLEMS.certificate_refused.remedy;
  return { status: 'error', observed, remedy, command: command(context), because };
});

export function causeOf(code: string | number | undefined, { credentials }: DoctorContext): ProblemCode {
  const own = credentials instanceof Error ? { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY } : credentials;
  // Another check looks at the clock.
  return connectCause(code, { trusted: true, wallMs: Date.now() }, own);
}

/** @returns the name and number of the alert from OpenSSL's `...:SSL alert number 48`. */
function alertOf({ refused }: TlsLook): string {
  const words = /SSL routines:[^:]*:([^:]+):.*?(SSL alert number \d+)/.exec(refused?.text ?? '');
  return words ? `${words[1]} (${words[2]})` : (refused?.code ?? refused?.text ?? '');
}

function described({ subject, issuer, notAfterMs, names }: ShownCertificate): string {
  return `${subject}${names ? ` [${names}]` : ''} by ${issuer} until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;
}

function command({ host, paths, port, config }: DoctorContext): string {
  const own = paths instanceof Error ? '' : ` -cert ${quoted(paths.certFile)} -key ${quoted(paths.privateKey)}`;
  return `openssl s_client -connect ${host}:${port ?? 8883} -servername ${host} -CAfile ${quoted(rootCaOf(paths, config))}${own} </dev/null`;
}
