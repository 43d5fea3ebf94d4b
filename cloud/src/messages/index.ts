export { asPoison, decode, filtersOf, onlyAlerts, patternProblem, type Weight } from './decode.ts';
export { type Label, labelOf, type Urgency } from './label.ts';
export * from './message.ts';
export { unreadIn } from './unreadAlerts.ts';
