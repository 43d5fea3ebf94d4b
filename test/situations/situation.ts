// The form of a situation: a row of docs/reference/situations.md, and the test that shows it.
import type { ProblemCode } from '../../src/status/index.ts';
import type { Stage } from './stage.ts';

/**
 * A situation of the network or the broker, for an operator who looks up what the agent does in it. `groups.ts` lists all of them; each is
 * one test (`situations.test.ts`) and one row of the page (`npm run generate`). docs/contributing/situations.md says how to add one.
 */
export interface Situation {
  /** One plain sentence: what happens. No two rows have the same. */
  readonly situation: string;
  /** One or two plain sentences: what the agent does, and when it ends. */
  readonly reaction: string;
  /** The problem that the agent raises; null if it raises no problem. The test fails if the agent raises another one. */
  readonly problem: ProblemCode | null;
  /** Problems that the agent may raise as well, such as the end of the connection before it finds that the port is closed. */
  readonly also?: readonly ProblemCode[];
  /** Why this machine cannot play the situation. */
  readonly skip?: string | false;
  /** Plays the situation against the real uplink or agent, and asserts the reaction. The runner asserts the problem. */
  readonly play: (stage: Stage) => Promise<void>;
}

/** Situations of one kind, which are one table of the page. */
export interface SituationGroup {
  readonly title: string;
  readonly situations: readonly Situation[];
}
