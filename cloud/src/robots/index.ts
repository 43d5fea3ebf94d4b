export { type Intruder, refuseIntruders, resetRobot } from './bindings.ts';
export { MonitorRows } from './monitorRows.ts';
export {
  INHERITED_CHANNELS,
  inheritedChannels,
  MONITOR_COLUMNS,
  MONITOR_TABLES,
  type MonitorTable,
  newestUnnamed,
  SAFETY_CHANNELS,
} from './monitors.ts';
export type { StateValues } from './state.ts';
export { type StorageChange, updateRobots } from './update.ts';
