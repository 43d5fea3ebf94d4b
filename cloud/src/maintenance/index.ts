export { Upkeep } from './maintenance.ts';
export { keep } from './retention.ts';
