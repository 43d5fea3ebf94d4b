export { Histogram, type HistogramStatus } from './histogram.ts';
export { Latencies } from './latency.ts';
export { EXPOSITION_TYPE, exposition, METRICS, type ProcessFacts } from './metrics.ts';
export { Monitor, type MonitorOptions } from './monitor.ts';
export { PROBLEMS, type ProblemCode, type ProblemEntry } from './problemList.ts';
export { type ProblemListener, Problems, type StandingProblem } from './problems.ts';
export { isOverdue } from './quiet.ts';
export { askReload, askRotate, askStatus, type Orders, StatusSocket, socketPath } from './socket.ts';
export type {
  BudgetStatus,
  CameraStatus,
  ChannelChanges,
  ChannelStatus,
  LinkStatus,
  Reloaded,
  Rotated,
  Status,
  UploadsStatus,
} from './status.ts';
