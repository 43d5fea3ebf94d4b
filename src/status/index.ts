export {
  aclLines,
  CHECKS,
  type Check,
  type CheckCode,
  type CheckResult,
  examine,
  exitCodeOf,
  type Finding,
  type FindingStatus,
  policyStatement,
  type Right,
} from './doctor/index.ts';
export { Heart, type HeartOptions, type Pulse } from './heart.ts';
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
export { reloading, type ServiceManager, serviceManager } from './systemd.ts';
export { type Robot, unitFor } from './unit.ts';
