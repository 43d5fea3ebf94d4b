export { asPoison, decode, filtersOf, patternProblem } from './decode.ts';
export * from './message.ts';
