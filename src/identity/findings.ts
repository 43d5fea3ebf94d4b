// Everything that can be wrong with a certificate and its key, by code (docs/guide/certificates.md has what each means).

/** What is looked at, in the order in which it is told. */
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
  /** `error`: it can't work. `warning`: it may not, or not for long. `info`: worth knowing. */
  readonly severity: 'error' | 'warning' | 'info';
  /** What was seen, with the values. */
  readonly observed: string;
  /** What to do about it, as a sentence or a command to type. */
  readonly remedy: string;
}
