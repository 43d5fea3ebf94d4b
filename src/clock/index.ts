export { BUILD_FLOOR_MS, CLOCKS_DIFFER_MS, type Clock, ClockSteps, isTrusted, systemClock } from './clock.ts';
export { Schedules } from './schedule.ts';
