export { measure } from './gauges.ts';
export { type Fault, Health } from './health.ts';
