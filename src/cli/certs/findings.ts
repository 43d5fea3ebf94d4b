// Findings as a person reads them.
import type { Finding } from '../../identity/index.ts';

export function describeFinding({ code, severity, observed, remedy }: Finding): string {
  return `  ${severity} ${code}: ${observed}; ${remedy}`;
}
