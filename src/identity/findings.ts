// Every possible fault of a certificate and its key, by code (docs/guide/certificates.md explains each).

/** The checks, in the order of the report. */
export const CHECKS = ['chain', 'key', 'dates', 'name', 'purpose', 'permissions'] as const;
export type Check = (typeof CHECKS)[number];

export const FINDINGS = {
  cert_unreadable: 'chain',
  root_ca_unreadable: 'chain',
  root_ca_not_ca: 'chain',
  chain_broken: 'chain',
  issuer_unknown: 'chain',
  key_unreadable: 'key',
  key_encrypted: 'key',
  key_kind: 'key',
  key_mismatch: 'key',
  clock_wrong: 'dates',
  clock_untrusted: 'dates',
  cert_not_yet_valid: 'dates',
  cert_expired: 'dates',
  cert_expires: 'dates',
  root_ca_expired: 'dates',
  name_differs: 'name',
  cert_is_ca: 'purpose',
  cert_purpose: 'purpose',
  key_permissions: 'permissions',
} as const satisfies Record<string, Check>;
export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  /** `error`: a connection can't work. `warning`: it may fail now or soon. `info`: worth knowing. */
  readonly severity: 'error' | 'warning' | 'info';
  /** The observation, with its values. */
  readonly observed: string;
  /** The remedy, as a sentence or a command. */
  readonly remedy: string;
}
