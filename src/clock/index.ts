export { BUILD_FLOOR_MS, type Clock, isTrusted, systemClock } from './clock.ts';
export { CLOCKS_DIFFER_MS, type ClockLook, ClockSteps } from './jumps.ts';
export { type JobMemory, type JobStore, Schedules, type SchedulesOptions } from './schedule.ts';
