export { asPoison, decode } from './decode.ts';
export * from './message.ts';
export { filtersOf, patternProblem } from './pattern.ts';
