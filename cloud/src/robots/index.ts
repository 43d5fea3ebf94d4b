export { MONITOR_TABLES, type MonitorTable, SAFETY_CHANNELS } from './monitors.ts';
export { GIVEN_CHANNELS, givenChannels, type StateValues } from './state.ts';
export { updateRobots } from './update.ts';
