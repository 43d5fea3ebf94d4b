export { checkBroker } from './broker.ts';
export { type Check, type Finding, findingsOf, skipped } from './check.ts';
export { checkDatabase } from './database.ts';
export { checkInstance, checkOrigin, healthzUrl } from './http.ts';
export { checkCertificate, checkSettings } from './settings.ts';
export { checkStore } from './store.ts';
