// Maps the error of a failed connection to a problem code, which names the repair. Pure.
import { messageOf } from '../base/index.ts';
import type { Credentials } from '../identity/index.ts';
import { PROBLEMS, type ProblemCode } from '../status/index.ts';
import { ConnectError } from './session.ts';

/** Error codes of Node.js and OpenSSL. */
const BY_CODE: Readonly<Record<string, ProblemCode>> = {
  ENOTFOUND: 'broker_name_unknown',
  EAI_AGAIN: 'broker_name_unknown',
  ECONNREFUSED: 'broker_refused_connection',
  ECONNRESET: 'broker_hung_up',
  EPIPE: 'broker_hung_up',
  ETIMEDOUT: 'broker_unreachable',
  EHOSTUNREACH: 'broker_unreachable',
  ENETUNREACH: 'broker_unreachable',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'broker_untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'broker_untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'broker_untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'broker_untrusted',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'broker_untrusted',
  CERT_SIGNATURE_FAILURE: 'broker_untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'broker_name_mismatch',
  CERT_HAS_EXPIRED: 'broker_certificate_expired',
  CERT_NOT_YET_VALID: 'broker_certificate_expired',
};

/**
 * The broker's TLS alerts about the robot's certificate (RFC 8446, 6.2). The prefix of Node's code depends on the OpenSSL version:
 * ERR_SSL_SSLV3_ALERT_..., ERR_SSL_TLSV1_ALERT_... or, since OpenSSL 3.2, ERR_SSL_SSL/TLS_ALERT_...
 */
const BY_ALERT: Readonly<Record<string, ProblemCode>> = {
  UNKNOWN_CA: 'certificate_refused',
  CERTIFICATE_UNKNOWN: 'certificate_refused',
  BAD_CERTIFICATE: 'certificate_refused',
  CERTIFICATE_REVOKED: 'certificate_refused',
  UNSUPPORTED_CERTIFICATE: 'certificate_refused',
  DECRYPT_ERROR: 'certificate_refused',
  CERTIFICATE_REQUIRED: 'certificate_refused',
  HANDSHAKE_FAILURE: 'certificate_refused',
  ACCESS_DENIED: 'certificate_refused',
  CERTIFICATE_EXPIRED: 'certificate_expired',
};
const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_ALERT_(\w+)$/;

/** CONNACK codes (OASIS MQTT 5, 3.2.2.2; MQTT 3.1.1, 3.2.2.3). IoT Core uses 7 with MQTT 3.1.1. */
const BY_CONNACK: Readonly<Record<number, ProblemCode>> = {
  2: 'client_id_refused',
  4: 'not_authorized',
  5: 'not_authorized',
  7: 'not_authorized',
  133: 'client_id_refused',
  134: 'not_authorized',
  135: 'not_authorized',
  138: 'not_authorized',
};

/** CONNACK codes for an unsupported version of MQTT. */
const VERSION_REFUSED: ReadonlySet<number> = new Set([1, 132]);

export interface ClockView {
  readonly trusted: boolean;
  readonly wallMs: number;
}

type Validity = Pick<Credentials, 'notBeforeMs' | 'notAfterMs'>;

/** @param own the validity of the robot's certificate. */
export function connectCause(code: string | number | undefined, clock: ClockView, own: Validity): ProblemCode {
  const cause = typeof code === 'number' ? BY_CONNACK[code] : (BY_CODE[code ?? ''] ?? BY_ALERT[ALERT.exec(code ?? '')?.[1] ?? '']);
  // With a wrong clock, a good certificate looks expired.
  if (!clock.trusted && (cause === 'broker_certificate_expired' || cause === 'certificate_expired')) return 'clock_wrong';
  // Two certificates rarely expire together. A wrong clock is more likely.
  const outsideOwn = clock.wallMs > own.notAfterMs || clock.wallMs < own.notBeforeMs;
  if (cause === 'broker_certificate_expired' && outsideOwn) return 'clock_wrong';
  const ownExpired = clock.trusted && clock.wallMs > own.notAfterMs;
  if (ownExpired && (cause === 'certificate_refused' || cause === 'broker_hung_up')) return 'certificate_expired';
  return cause ?? 'broker_unreachable';
}

/** The cause of a failed connection, with the error's text and the remedy. */
export function describeFailure(error: unknown, clock: ClockView, own: Validity) {
  const reason = error instanceof ConnectError ? error.reason : undefined;
  const cause = reason === 'NOT_ALLOWED' ? 'not_authorized' : connectCause(reason, clock, own);
  return { cause, text: messageOf(error), remedy: PROBLEMS[cause].remedy };
}

/** Whether the broker refused this version of MQTT. */
export function refusesVersion(code: string | number | undefined): boolean {
  return typeof code === 'number' && VERSION_REFUSED.has(code);
}
