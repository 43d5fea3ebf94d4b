// The problem and the text for each explanation of ending connections. Pure.
import type { ProblemCode } from '../../status/index.ts';
import { takenWaitMs } from '../pace.ts';
import type { Explanation } from './explain.ts';

export const CODES = {
  taken: 'client_id_taken',
  idle: 'idle_connections_cut',
  limit: 'connection_time_limit',
  restarts: 'broker_restarts',
} as const satisfies Record<Explanation['kind'], ProblemCode>;

export interface Facts {
  readonly thing: string;
  readonly endpoint: string;
  /** How long a connection may now be idle; undefined if the agent cannot ping often enough. */
  readonly pingEveryMs: number | undefined;
}

export function textOf(explanation: Explanation, { thing, endpoint, pingEveryMs }: Facts): string {
  if (explanation.kind === 'idle') {
    const reaction =
      pingEveryMs === undefined
        ? 'that is too short for the agent to keep a connection open'
        : `the agent now pings after ${inSeconds(pingEveryMs)}`;
    return `something between the robot and ${endpoint} closes connections that are idle for ${inSeconds(explanation.idleMs)}; ${reaction}`;
  }
  if (explanation.kind === 'limit') {
    const causes = 'something on the way limits their time, or another client with this name connects again after a fixed time';
    return `each connection to ${endpoint} ends ${inSeconds(explanation.lastedMs)} after it was made, idle or not: ${causes}`;
  }
  if (explanation.kind === 'restarts') {
    return `${endpoint} ended the last ${explanation.times} connections and then refused new ones: the broker crashes or is restarted repeatedly`;
  }
  const evidence = explanation.isReported
    ? `the broker reports repeatedly that another client took over the connection of ${thing}`
    : `the broker repeatedly closes working connections of ${thing} without a reason, as it does when another client connects with this name`;
  return `${evidence}; the agent reconnects about every ${takenWaitMs(explanation) / 60_000} min, and at once for an alert`;
}

/** Writes a duration in seconds, with a decimal if it is short. */
function inSeconds(ms: number): string {
  return `${ms < 9_950 ? Math.round(ms / 100) / 10 : Math.round(ms / 1_000)} s`;
}
