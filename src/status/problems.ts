// Keeps track of the current problems, and reports each of them when it is first shown and when it ends. While a problem is raised, other
// problems that are its consequences are hidden.
import { safeText } from '../base/index.ts';
import type { ProblemEntry, Severity } from './problemEntry.ts';
import { PROBLEMS, type ProblemCode } from './problemList.ts';

export interface StandingProblem extends ProblemEntry {
  readonly code: ProblemCode;
  /** A channel, a file or a cause, to tell problems with the same code apart. Empty if there can be only one. */
  readonly subject: string;
  readonly text: string;
  readonly sinceMs: number;
}

/** Limit for the text of a problem in characters. Some name many channels or nodes. */
const LONGEST = 2_000;

/** Called when a problem is first shown, and when a problem that was shown ends. */
type ProblemListener = (state: 'raised' | 'cleared', problem: StandingProblem) => void;

export class Problems {
  readonly #standing = new Map<string, StandingProblem>();
  readonly #reported = new Set<string>();
  readonly #now: () => number;
  readonly #listener: ProblemListener;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  /** @param now a monotonic clock, in milliseconds. */
  constructor(now: () => number, listener: ProblemListener) {
    this.#now = now;
    this.#listener = listener;
  }

  /**
   * Raises a problem. If it is already raised, only its text and severity change, which is shown but not reported again.
   * @param quoting the text. Much of what it quotes is written by others, so it becomes visible and loses secrets.
   * @param severity overrides the severity in the list of problems.
   */
  raise(code: ProblemCode, quoting: string, subject = '', severity?: Severity): void {
    const text = safeText(quoting, LONGEST);
    const key = `${code}/${subject}`;
    const entry: ProblemEntry = PROBLEMS[code];
    const raised = { ...entry, severity: severity ?? entry.severity, code, subject, text };
    const standing = this.#standing.get(key);
    if (standing?.text === text && standing.severity === raised.severity) return;
    this.#standing.set(key, { ...raised, sinceMs: standing?.sinceMs ?? this.#now() });
    this.#update();
  }

  clear(code: ProblemCode, subject = ''): void {
    const key = `${code}/${subject}`;
    const problem = this.#standing.get(key);
    if (!problem) return;
    this.#standing.delete(key);
    // A problem that was reported must be cleared even if another problem hides it now; otherwise it would look raised forever.
    if (this.#reported.delete(key)) this.#report('cleared', problem);
    this.#update();
  }

  /** Raises the problem with this text, or clears it if the text is undefined. */
  set(code: ProblemCode, text: string | undefined, subject = '', severity?: Severity): void {
    if (text === undefined) this.clear(code, subject);
    else this.raise(code, text, subject, severity);
  }

  /** Clears the problems with these codes except `except`, so that only the latest cause of a failure stays raised. */
  clearOthers(codes: readonly ProblemCode[], except?: ProblemCode): void {
    for (const { code, subject } of [...this.#standing.values()]) {
      if (codes.includes(code) && code !== except) this.clear(code, subject);
    }
  }

  /** Returns the problems to show now: those that have lasted long enough and are not hidden. */
  standing(): StandingProblem[] {
    return [...this.#standing.values()].filter((problem) => this.#waitMs(problem) === 0);
  }

  /** Ends all reports. Timers of the parts that set problems may still fire when the outbox, which takes the reports, is closed. */
  end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
  }

  #report(state: 'raised' | 'cleared', problem: StandingProblem): void {
    if (!this.#hasEnded) this.#listener(state, problem);
  }

  /** Reports the problems that are now due to be shown, and schedules the next update for when another one becomes due. */
  #update(): void {
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const [key, problem] of this.#standing) {
      if (this.#reported.has(key)) continue;
      const waitMs = this.#waitMs(problem);
      if (waitMs) soonestMs = Math.min(soonestMs, waitMs);
      if (waitMs !== 0) continue;
      this.#reported.add(key);
      this.#report('raised', problem);
    }
    clearTimeout(this.#timer);
    if (soonestMs < Number.POSITIVE_INFINITY && !this.#hasEnded) this.#timer = setTimeout(() => this.#update(), soonestMs).unref();
  }

  /** Returns the milliseconds until the problem is due to be shown, or undefined if another problem hides it. */
  #waitMs({ code, sinceMs, shownAfterMs = 0 }: StandingProblem): number | undefined {
    const isHidden = [...this.#standing.values()].some(({ hides }) => hides?.includes(code));
    return isHidden ? undefined : Math.max(0, sinceMs + shownAfterMs - this.#now());
  }
}
