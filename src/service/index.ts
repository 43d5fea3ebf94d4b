export { credentialLine } from './credential.ts';
export { ENDINGS, type Ending, explainEnding, isUnexpected, parseExit, type SystemdExit } from './ending.ts';
export { install, logs, status, uninstall } from './install.ts';
export { reloading, type ServiceManager, serviceManager } from './notify.ts';
export { type Robot, unitFor } from './unit.ts';
export { versions } from './versions.ts';
export { type HealthProbe, Watchdog } from './watchdog.ts';
