export { CLOCKS_DIFFER_MS, type Clock, ClockSteps } from './clock.ts';
export { Schedules } from './schedule.ts';
export { DISTRUST_MEANS, type SystemClock, systemClock } from './systemClock.ts';
export { askTimeService, type TimeService, timeServiceOf } from './timeService.ts';
export { BUILD_FLOOR_MS, cloudTimeOf, type Distrust, judge, knownAfter, type TimeFacts, type Trust } from './trust.ts';
