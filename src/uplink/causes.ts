// Maps the error of a failed connection to a problem code, which determines the remedy shown to the user.
import { messageOf } from '../base/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Credentials } from '../identity/index.ts';
import { PROBLEMS, type ProblemCode } from '../status/index.ts';
import {
  ConnectError,
  HANDSHAKE_STALLED,
  HTTP_ANSWER,
  INTERCEPTED,
  NO_ANSWER,
  NO_CERTIFICATE,
  NO_TLS,
  OTHER_SERVICE,
  PACKET_LIMIT,
  TLS_MISMATCH,
} from './connectError.ts';
import { UNTRUSTED } from './network/shown.ts';

/**
 * Error codes, grouped by problem code: those of Node.js and OpenSSL, the broker's TLS alerts about the robot's certificate (RFC 8446,
 * 6.2), and CONNACK codes (OASIS MQTT 5, 3.2.2.2; MQTT 3.1.1, 3.2.2.3). Code 7 is not in the 3.1.1 standard, but IoT Core uses it.
 */
const CODES: readonly (readonly [ProblemCode, readonly (string | number)[]])[] = [
  ['broker_name_unknown', ['ENOTFOUND']],
  ['name_servers_silent', ['EAI_AGAIN']],
  ['broker_refused_connection', ['ECONNREFUSED']],
  ['broker_hung_up', ['ECONNRESET', 'EPIPE']],
  ['broker_silent', [NO_ANSWER]],
  ['broker_packet_limit', [PACKET_LIMIT]],
  ['broker_unreachable', ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']],
  ['broker_handshake_stalled', [HANDSHAKE_STALLED]],
  ['broker_answers_http', [HTTP_ANSWER]],
  ['broker_without_tls', [NO_TLS]],
  ['broker_other_service', [OTHER_SERVICE, 'NO_APPLICATION_PROTOCOL']],
  ['broker_tls_mismatch', [TLS_MISMATCH, 'PROTOCOL_VERSION', 'INSUFFICIENT_SECURITY']],
  ['broker_intercepted', [INTERCEPTED]],
  ['broker_untrusted', UNTRUSTED],
  ['broker_name_mismatch', ['ERR_TLS_CERT_ALTNAME_INVALID']],
  ['broker_certificate_expired', ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']],
  [
    'certificate_refused',
    [
      ...['UNKNOWN_CA', 'CERTIFICATE_UNKNOWN', 'BAD_CERTIFICATE', 'CERTIFICATE_REVOKED', 'UNSUPPORTED_CERTIFICATE'],
      ...['DECRYPT_ERROR', 'CERTIFICATE_REQUIRED', 'HANDSHAKE_FAILURE', 'ACCESS_DENIED'],
    ],
  ],
  ['certificate_missing', [NO_CERTIFICATE]],
  ['certificate_expired', ['CERTIFICATE_EXPIRED']],
  ['client_id_refused', [2, 133]],
  ['not_authorized', [4, 5, 7, 134, 135, 138]],
  ['broker_unavailable', [3, 136, 137, 139, 152, 160]],
  ['broker_quota', [150, 151, 159]],
];

/** All problem codes that {@link connectCause} can return. */
export const CAUSES: readonly ProblemCode[] = [...CODES.map(([cause]) => cause), 'clock_wrong', 'broker_refuses'];

/** The causes of attempts without an answer of a broker. They say nothing about the robot's certificate or its name. */
export const NOT_REACHED: readonly ProblemCode[] = [
  ...(['broker_name_unknown', 'name_servers_silent', 'broker_refused_connection', 'broker_unreachable'] as const),
  ...(['broker_handshake_stalled', 'broker_answers_http', 'broker_without_tls', 'broker_other_service'] as const),
];

/** Matches Node's code for a TLS alert. Its prefix depends on the alert and on the OpenSSL version; `SSL/TLS` is new in OpenSSL 3.2. */
const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_ALERT_(\w+)$/;

/** The CONNACK codes for an unsupported MQTT version, in MQTT 3.1.1 and MQTT 5. */
const VERSION_REFUSED: ReadonlySet<number> = new Set([1, 132]);

type WallClock = Pick<Clock, 'trusted' | 'wall'>;
type Validity = Pick<Credentials, 'notBeforeMs' | 'notAfterMs'>;

/** Returns the problem code for an error code. @param own the validity period of the robot's certificate. */
export function connectCause(code: string | number | undefined, clock: WallClock, own: Validity): ProblemCode {
  const known = typeof code === 'string' ? (ALERT.exec(code)?.[1] ?? code) : (code ?? '');
  const cause = CODES.find(([, codes]) => codes.includes(known))?.[0];
  // If the clock is wrong, a valid certificate looks expired.
  if (!clock.trusted() && (cause === 'broker_certificate_expired' || cause === 'certificate_expired')) return 'clock_wrong';
  // If the robot's own certificate looks invalid at this time too, a wrong clock is likelier than two bad certificates.
  const outsideOwn = clock.wall() > own.notAfterMs || clock.wall() < own.notBeforeMs;
  if (cause === 'broker_certificate_expired' && outsideOwn) return 'clock_wrong';
  const ownExpired = clock.trusted() && clock.wall() > own.notAfterMs;
  if (ownExpired && (cause === 'certificate_refused' || cause === 'broker_hung_up')) return 'certificate_expired';
  return cause ?? unnamedCause(code);
}

/** Returns the problem code for an error code that has none of its own: any other CONNACK or failure of the handshake. */
function unnamedCause(code: string | number | undefined): ProblemCode {
  if (typeof code === 'number') return 'broker_refuses';
  return code?.startsWith('ERR_SSL_') ? 'broker_tls_mismatch' : 'broker_unreachable';
}

/** Returns the problem code for a failed connection, with the error's message and the remedy. */
export function describeFailure(error: unknown, clock: WallClock, own: Validity) {
  const reason = error instanceof ConnectError ? error.reason : undefined;
  const cause = reason === 'NOT_ALLOWED' ? 'not_authorized' : connectCause(reason, clock, own);
  return { cause, text: messageOf(error), remedy: PROBLEMS[cause].remedy };
}

const PACKET_TOO_LARGE = 0x95;

/** Whether the broker refused the connection because of its MQTT version. */
export function refusesVersion(code: string | number | undefined): boolean {
  return typeof code === 'number' && VERSION_REFUSED.has(code);
}

/**
 * Whether the connection ended because of a message that was too large. A broker without an announced limit says so with a DISCONNECT, or
 * with a PUBACK that MQTT does not permit, as Mosquitto 2.0 with `message_size_limit`; MQTT.js ends the session for it.
 */
export function isTooLarge(reason: Error): boolean {
  return (reason instanceof ConnectError && reason.reason === PACKET_TOO_LARGE) || /^Invalid puback reason code/.test(reason.message);
}
