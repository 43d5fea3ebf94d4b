export { Histogram, type HistogramStatus, Latencies } from './histogram.ts';
export { exposition, METRICS, type ProcessFacts } from './metrics.ts';
export { Monitor } from './monitor.ts';
export type { ProblemEntry } from './problemEntry.ts';
export { PROBLEMS, type ProblemCode } from './problemList.ts';
export { Problems, type StandingProblem } from './problems.ts';
export { askReload, askRotate, askStatus, StatusSocket, socketPath } from './socket.ts';
export {
  type BudgetStatus,
  type CameraStatus,
  type ChannelChanges,
  type ChannelStatus,
  isOverdue,
  type LinkStatus,
  type ReflexStatus,
  type Reloaded,
  type Rotated,
  type Status,
  type UploadsStatus,
} from './status.ts';
