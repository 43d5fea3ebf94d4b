export { ago } from './ago.ts';
export { type BackoffLimits, backoffMs, STABLE_AFTER_MS } from './backoff.ts';
export { exitWith, misuse } from './cli/exit.ts';
export { print } from './cli/print.ts';
export {
  COMMAND_CRASH_POINTS,
  CRASH_AT,
  type CrashPoint,
  crashPoint,
  IMPORT_CRASH_POINTS,
  OUTBOX_CRASH_POINTS,
  PROVISION_CRASH_POINTS,
  SLICE_CRASH_POINTS,
  UPLOAD_CRASH_POINTS,
} from './crashPoint.ts';
export { type Answer, type CheckRun, type CheckStatus, exitCodeOf, type Runnable, runChecks } from './doctor/checks.ts';
export { codeOf, messageOf } from './errors.ts';
export { parseJson } from './json.ts';
export { nearestCause } from './nearestCause.ts';
export { renameDurably, replaceFile, syncPath } from './replaceFile.ts';
export { configFlag, quoted, setupProgram } from './shell.ts';
export { Services, type ServicesOptions, type SystemdFailure } from './systemd/services.ts';
export { isPlainPath, renderUnit, type UnitValues } from './systemd/unit.ts';
export { requestOverSocket, type SocketAnswer, type SocketRequest } from './unixSocket.ts';
export { every, type Ticker, wait } from './waiting.ts';
