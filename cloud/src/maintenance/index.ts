export { Maintenance } from './maintenance.ts';
export { applyRetention } from './retention.ts';
