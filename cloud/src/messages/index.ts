export { asPoison, decode, filtersOf, patternProblem } from './decode.ts';
export * from './message.ts';
export { unreadIn } from './unreadAlerts.ts';
