export { Maintenance } from './maintenance.ts';
export { keep } from './retention.ts';
