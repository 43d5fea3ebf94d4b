// The likely cause of a failed connection. A firewall or a security group drops packets, which shows as a timeout; a program that does
// not run shows as a refusal.
export type Reach = 'name' | 'refused' | 'timeout' | 'tls' | 'other';

const TLS = /certificate|self.signed|altname|SSL|TLS|wrong version number|UNABLE_TO|handshake/i;

export function reachOf(error: unknown): Reach {
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string };
  const first = error instanceof AggregateError ? (error.errors[0] as { code?: unknown } | undefined)?.code : code;
  const text = `${String(first ?? '')} ${message}`;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'name';
  if (/ECONNREFUSED/.test(text)) return 'refused';
  if (/ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|timeout|timed out/i.test(text)) return 'timeout';
  return TLS.test(text) ? 'tls' : 'other';
}
