// Holds the present problems. Reports each problem when it is first shown and when it ends. A problem hides its consequences.
import { PROBLEMS, type ProblemCode, type ProblemEntry, type Severity } from './problemList.ts';

export interface StandingProblem extends ProblemEntry {
  readonly code: ProblemCode;
  /** A channel, a file or a cause. It distinguishes several problems of one code. */
  readonly subject: string;
  readonly text: string;
  readonly sinceMs: number;
}

/** The listener is called when a problem is first shown, and when a shown problem ends. */
type ProblemListener = (state: 'raised' | 'cleared', problem: StandingProblem) => void;

export class Problems {
  readonly #standing = new Map<string, StandingProblem>();
  readonly #reported = new Set<string>();
  readonly #now: () => number;
  readonly #listener: ProblemListener;
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic milliseconds. */
  constructor(now: () => number, listener: ProblemListener) {
    this.#now = now;
    this.#listener = listener;
  }

  /** Has no effect on a problem that is already raised. @param severity replaces the severity of the list. */
  raise(code: ProblemCode, text: string, subject = '', severity?: Severity): void {
    const key = `${code}/${subject}`;
    if (this.#standing.has(key)) return;
    const entry: ProblemEntry = PROBLEMS[code];
    this.#standing.set(key, { ...entry, severity: severity ?? entry.severity, code, subject, text, sinceMs: this.#now() });
    this.#update();
  }

  clear(code: ProblemCode, subject = ''): void {
    const key = `${code}/${subject}`;
    const problem = this.#standing.get(key);
    if (!problem) return;
    this.#standing.delete(key);
    // The end of a reported problem is reported even while another problem hides it.
    if (this.#reported.delete(key)) this.#listener('cleared', problem);
    this.#update();
  }

  /** Raises the problem with this text, or clears it if the text is undefined. */
  set(code: ProblemCode, text: string | undefined, subject = '', severity?: Severity): void {
    if (text === undefined) this.clear(code, subject);
    else this.raise(code, text, subject, severity);
  }

  /** Clears all problems of these codes except one code. Only the latest cause of a failure stays raised. */
  clearOthers(codes: readonly ProblemCode[], except?: ProblemCode): void {
    for (const { code, subject } of [...this.#standing.values()]) {
      if (codes.includes(code) && code !== except) this.clear(code, subject);
    }
  }

  /** @returns the problems to show now. */
  standing(): StandingProblem[] {
    return [...this.#standing.values()].filter((problem) => this.#waitMs(problem) === 0);
  }

  /** Reports the problems that have become visible, and runs again when the next problem becomes visible. */
  #update(): void {
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const [key, problem] of this.#standing) {
      if (this.#reported.has(key)) continue;
      const waitMs = this.#waitMs(problem);
      if (waitMs) soonestMs = Math.min(soonestMs, waitMs);
      if (waitMs !== 0) continue;
      this.#reported.add(key);
      this.#listener('raised', problem);
    }
    clearTimeout(this.#timer);
    if (soonestMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#update(), soonestMs).unref();
  }

  /** @returns milliseconds until the problem is shown. Undefined while another problem hides it. */
  #waitMs({ code, sinceMs, shownAfterMs = 0 }: StandingProblem): number | undefined {
    const isHidden = [...this.#standing.values()].some(({ hides }) => hides?.includes(code));
    return isHidden ? undefined : Math.max(0, sinceMs + shownAfterMs - this.#now());
  }
}
