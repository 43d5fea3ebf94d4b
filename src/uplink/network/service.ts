// Finds out which server answers without TLS in place of the broker: a captive portal, a broker without TLS, or another service.
import { messageOf } from '../../base/index.ts';
import { HTTP_ANSWER, NO_TLS, OTHER_SERVICE } from '../connectError.ts';
import { PathError } from './pathError.ts';
import { openTcp } from './transport.ts';

/**
 * An MQTT 3.1.1 CONNECT with an empty client id, which says nothing about the robot. A broker answers it with a CONNACK; a web server
 * answers that it is not HTTP; a mail or SSH server greets before it reads anything.
 */
const CONNECT = Buffer.from('100c00044d5154540402000a0000', 'hex');
/** Some web servers answer only after the end of the headers. A broker has answered before. */
const END_OF_HEADERS_AFTER_MS = 300;
const ANSWER_WITHIN_MS = 1_500;

/** Failures of a server that may not speak TLS: OpenSSL's reasons for bytes that are no TLS, and a connection that ends at once. */
const MAYBE_PLAIN: readonly unknown[] = [
  ...['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_BAD_RECORD_TYPE', 'ERR_SSL_HTTP_REQUEST', 'ECONNRESET'],
];

/** The service that a server's first bytes show. */
export interface Service {
  readonly text: string;
  readonly reason: string;
}

/** @returns undefined if the bytes say nothing about the service. */
export function serviceOf(bytes: Buffer): Service | undefined {
  const line = bytes.toString('latin1').split(/[\r\n]/, 1)[0] ?? '';
  if (line.startsWith('HTTP/')) return { text: `a web server answers instead of the broker: ${quote(line)}`, reason: HTTP_ANSWER };
  if (bytes[0] === 0x20 && bytes.length === 2 + (bytes[1] ?? 0))
    return { text: 'the broker speaks MQTT without TLS there', reason: NO_TLS };
  if (!/^[\x20-\x7e]{4,}/.test(line)) return undefined;
  return { text: `another service answers instead of the broker: ${quote(line)}`, reason: OTHER_SERVICE };
}

/** Asks the servers that may not speak TLS what they are, and returns all failures with what they answer. Never throws. */
export function explained(failures: readonly PathError[], signal: AbortSignal): Promise<PathError[]> {
  return Promise.all(
    failures.map(async (failure) => {
      if (!MAYBE_PLAIN.includes(failure.reason)) return failure;
      const service = serviceOf(await answerOf(failure, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)])));
      if (service) return new PathError(failure.path, service.text, service.reason);
      return failure.reason === 'ECONNRESET' ? failure : new PathError(failure.path, messageOf(failure), OTHER_SERVICE);
    }),
  );
}

/** Returns the first bytes that the server sends to a client without TLS; none if it sends nothing. */
async function answerOf({ path }: PathError, signal: AbortSignal): Promise<Buffer> {
  const tcp = await openTcp(path, signal).catch(() => undefined);
  if (!tcp) return Buffer.alloc(0);
  return new Promise((resolve) => {
    const ask = setTimeout(() => tcp.write('\r\n\r\n'), END_OF_HEADERS_AFTER_MS);
    const end = (bytes = Buffer.alloc(0)) => {
      clearTimeout(ask);
      signal.removeEventListener('abort', onAbort);
      tcp.destroy();
      resolve(bytes);
    };
    const onAbort = () => end();
    signal.addEventListener('abort', onAbort, { once: true });
    tcp
      .on('error', () => end())
      .once('data', end)
      .once('close', () => end());
    tcp.write(CONNECT);
    if (signal.aborted) end();
  });
}

/** Quotes what a server says. It may contain anything, and is shown in texts of one line. */
function quote(line: string): string {
  return `“${line.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 60)}”`;
}
