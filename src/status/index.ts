export { Heart, type HeartOptions, type Pulse } from './heart.ts';
export { Histogram, type HistogramStatus } from './histogram.ts';
export { Latencies } from './latency.ts';
export { PROBLEMS, type ProblemCode, type ProblemListener, Problems, type StandingProblem } from './problems.ts';
export { askReload, askStatus, StatusSocket, socketPath } from './socket.ts';
export type { BudgetStatus, CameraStatus, ChannelChanges, ChannelStatus, LinkStatus, Reloaded, Status } from './status.ts';
export { reloading, type ServiceManager, serviceManager } from './systemd.ts';
export { type Robot, unitFor } from './unit.ts';
