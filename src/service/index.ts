export { ENDINGS, type Ending, explainEnding, isUnexpected, parseExit, type SystemdExit } from './ending.ts';
export { type InstallOptions, install, logs, status, uninstall } from './install.ts';
export { reloading, type ServiceManager, serviceManager } from './notify.ts';
export { type Robot, unitFor } from './unit.ts';
export { type Versions, versions } from './versions.ts';
export { type HealthProbe, Watchdog, type WatchdogOptions } from './watchdog.ts';
