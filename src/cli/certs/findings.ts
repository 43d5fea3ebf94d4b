// Findings as a person reads them.
import type { Finding } from '../../identity/index.ts';

export function describeFinding({ code, severity, seen, todo }: Finding): string {
  return `  ${severity} ${code}: ${seen}; ${todo}`;
}
