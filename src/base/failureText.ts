// Says in plain words why a connection failed. The texts of Node.js and OpenSSL contain codes, file names and line breaks.
import { isIPv6 } from 'node:net';

/** The system's codes for a connection that fails. */
const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'this machine has no address of this kind',
  ETIMEDOUT: 'no answer',
  EACCES: 'this machine’s firewall forbids the connection',
  EPERM: 'this machine’s firewall forbids the connection',
  ENODEV: 'this machine has no such network interface',
};

/** The alerts by which a server ends a handshake (RFC 8446, 6), as OpenSSL names them. */
const ALERTS: Readonly<Record<string, string>> = {
  'unknown ca': 'the server does not know the CA of the client’s certificate',
  'bad certificate': 'the server refuses the client’s certificate',
  'certificate unknown': 'the server refuses the client’s certificate',
  'unsupported certificate': 'the server does not support this kind of certificate',
  'certificate revoked': 'the client’s certificate was revoked',
  'certificate expired': 'the server says that the client’s certificate has expired',
  'certificate required': 'the server requires a certificate',
  'decrypt error': 'the server cannot verify the signature of the client’s certificate or key',
  'access denied': 'the server denies access with the client’s certificate',
  'handshake failure': 'the server refuses the TLS handshake',
  'protocol version': 'the server supports neither TLS 1.2 nor TLS 1.3',
  'insufficient security': 'the server requires stronger encryption than the client offers',
  'no application protocol': 'the server does not offer the requested protocol (ALPN)',
  'unrecognized name': 'the server does not know the host name',
  'internal error': 'the server had an internal error during the TLS handshake',
};

const NOT_TLS = 'the server does not speak TLS on this port';
const TOO_OLD = 'the server supports neither TLS 1.2 nor TLS 1.3';
const NO_CIPHER = 'server and client have no secure cipher in common';

/** OpenSSL's reasons for a handshake that the client ends. */
const REASONS: Readonly<Record<string, string>> = {
  'wrong version number': NOT_TLS,
  'packet length too long': NOT_TLS,
  'http request': NOT_TLS,
  'https proxy request': NOT_TLS,
  'bad record type': NOT_TLS,
  'unsupported protocol': TOO_OLD,
  'version too low': TOO_OLD,
  'no protocols available': TOO_OLD,
  'no shared cipher': NO_CIPHER,
  'wrong cipher returned': NO_CIPHER,
  'dh key too small': NO_CIPHER,
  'ee key too small': 'the key of the server’s certificate is too short to be secure',
  'unexpected eof while reading': 'the server closed the connection during the TLS handshake',
  'certificate verify failed': 'the server’s certificate cannot be verified',
};

const ALERT = /^(?:ssl\/tls|sslv3|tlsv1|tlsv13) alert (.+)$/;
/** OpenSSL's error line: `error:0A00010B:SSL routines:function:reason:file:line:data`. */
const RAW = /\berror:[0-9A-F]{8}:SSL routines:[^:]*:([^:\n]*)/i;

/** Returns OpenSSL's reason in plain words; undefined if the error is not from a TLS handshake. */
export function tlsWords(error: Error): string | undefined {
  const { library, reason: given } = error as { library?: unknown; reason?: unknown };
  const reason = library === 'SSL routines' && typeof given === 'string' ? given : RAW.exec(error.message)?.[1];
  if (reason === undefined) return undefined;
  const alert = ALERT.exec(reason)?.[1];
  if (alert !== undefined) return ALERTS[alert] ?? `the server ended the TLS handshake: ${alert}`;
  return REASONS[reason] ?? `the TLS handshake failed: ${reason}`;
}

/** Returns a system code in plain words; undefined if the code is not about a connection. */
export function systemWords(code: string | undefined): string | undefined {
  return code === undefined ? undefined : SYSTEM[code];
}

interface Attempt {
  readonly text: string;
  readonly at: string | undefined;
}

/** Describes a connection over several addresses: each reason once, with its addresses. @param textOf describes one error. */
export function attemptsText(errors: readonly unknown[], textOf: (error: unknown) => string): string {
  const attempts = errors.map((error): Attempt => {
    const { code, address, port } = Object(error) as { code?: unknown; address?: unknown; port?: unknown };
    const words = typeof code === 'string' ? systemWords(code) : undefined;
    if (words === undefined || typeof address !== 'string') return { text: textOf(error), at: undefined };
    return { text: `${words} (${code})`, at: `${isIPv6(address) ? `[${address}]` : address}:${port}` };
  });
  return eachReason(attempts, (text, places) => (places === '' ? text : `${text} at ${places}`));
}

/** Describes each reason once, in the order of the attempts. @param describe receives a reason and the list of its places. */
export function eachReason(attempts: readonly Attempt[], describe: (text: string, places: string) => string): string {
  const texts = [...new Set(attempts.map(({ text }) => text))];
  const placesOf = (reason: string) => attempts.flatMap(({ text, at }) => (text === reason && at !== undefined ? [at] : []));
  return texts.map((text) => describe(text, listed(placesOf(text)))).join('; ');
}

/** Returns `a`, `a and b`, or `a, b and c`. */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
