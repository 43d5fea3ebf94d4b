// The form of a problem: its severity, meaning and remedy.

export type Severity = 'info' | 'warning' | 'error' | 'critical';

export interface ProblemEntry {
  readonly severity: Severity;
  readonly title: string;
  readonly remedy: string;
  /** Codes of this problem's consequences. While this problem is raised, they are neither reported nor shown. */
  readonly hides?: readonly string[];
  /** How long the problem must last before it is reported and shown, in milliseconds. If it is shorter, no one needs to know. */
  readonly shownAfterMs?: number;
}
