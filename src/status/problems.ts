// What is wrong now: said once when it is first to be shown, and once when it is over; what follows from another is hidden behind it.
import { PROBLEMS, type ProblemCode, type ProblemEntry } from './problemList.ts';

export interface StandingProblem extends ProblemEntry {
  readonly code: ProblemCode;
  /** What exactly: a channel, a file, a cause. Several problems of one code differ in it. */
  readonly subject: string;
  readonly text: string;
  readonly sinceMs: number;
}

/** Called once when a problem is first shown, and once when it ends, if it ever was. */
export type ProblemListener = (state: 'raised' | 'cleared', problem: StandingProblem) => void;

export class Problems {
  readonly #standing = new Map<string, StandingProblem>();
  readonly #said = new Set<string>();
  readonly #now: () => number;
  readonly #listener: ProblemListener;
  #timer: NodeJS.Timeout | undefined;

  /** @param now monotonic milliseconds. */
  constructor(now: () => number, listener: ProblemListener) {
    this.#now = now;
    this.#listener = listener;
  }

  /** Raising what stands already says nothing a second time. */
  raise(code: ProblemCode, text: string, subject = ''): void {
    const key = `${code}/${subject}`;
    if (this.#standing.has(key)) return;
    this.#standing.set(key, { ...PROBLEMS[code], code, subject, text, sinceMs: this.#now() });
    this.#look();
  }

  clear(code: ProblemCode, subject = ''): void {
    const key = `${code}/${subject}`;
    const problem = this.#standing.get(key);
    if (!problem) return;
    this.#standing.delete(key);
    if (this.#said.delete(key)) this.#listener('cleared', problem);
    this.#look();
  }

  /** Clears all of these codes but one: of several causes of the same trouble, only the latest stands. */
  clearOthers(codes: readonly ProblemCode[], except?: ProblemCode): void {
    for (const { code, subject } of [...this.#standing.values()]) {
      if (codes.includes(code) && code !== except) this.clear(code, subject);
    }
  }

  /** What is to be shown now. */
  standing(): StandingProblem[] {
    return [...this.#standing.values()].filter((problem) => this.#waitMs(problem) === 0);
  }

  /** Says what is to be shown and was not yet, and looks again when more is. What was said once is said to end, hidden or not. */
  #look(): void {
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const [key, problem] of this.#standing) {
      if (this.#said.has(key)) continue;
      const waitMs = this.#waitMs(problem);
      if (waitMs) soonestMs = Math.min(soonestMs, waitMs);
      if (waitMs !== 0) continue;
      this.#said.add(key);
      this.#listener('raised', problem);
    }
    clearTimeout(this.#timer);
    if (soonestMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#look(), soonestMs).unref();
  }

  /** @returns how long until it is to be shown; undefined where another hides it, however long that stands. */
  #waitMs({ code, sinceMs, shownAfterMs = 0 }: StandingProblem): number | undefined {
    const isHidden = [...this.#standing.values()].some(({ hides }) => hides?.includes(code));
    return isHidden ? undefined : Math.max(0, sinceMs + shownAfterMs - this.#now());
  }
}
