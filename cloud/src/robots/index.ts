export { MONITOR_TABLES, type MonitorTable, SAFETY_CHANNELS } from './monitors.ts';
export { INHERITED_CHANNELS, inheritedChannels, type StateValues } from './state.ts';
export { updateRobots } from './update.ts';
