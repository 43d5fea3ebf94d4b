// Stands in for the certificate of a robot that has no usable one when its agent starts. It senses, and connects once files are usable.
import type { Credentials } from './files.ts';

/** The credentials of the agent's connections. */
export type OwnCredentials = Omit<Credentials, 'certificate'>;

/** Returns credentials that no connection can use. The caller may replace their fields. */
export function absentCredentials(): OwnCredentials {
  return { ca: '', cert: '', key: '', notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY };
}

export function isAbsent({ cert }: Pick<OwnCredentials, 'cert'>): boolean {
  return cert === '';
}
