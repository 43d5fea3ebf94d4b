export { ownAddresses } from './addresses.ts';
export { type Answer, type CheckStatus, exitCodeOf, type Runnable, runChecks } from './checks.ts';
export {
  ago,
  allowSlowNetworks,
  configFlag,
  counted,
  exitWith,
  misuse,
  quoted,
  setupProgram,
} from './commandLine.ts';
export {
  COMMAND_CRASH_POINTS,
  CRASH_AT,
  type CrashPoint,
  crashPoint,
  IMPORT_CRASH_POINTS,
  OUTBOX_CRASH_POINTS,
  PROVISION_CRASH_POINTS,
  RESTORE_CRASH_POINTS,
  SLICE_CRASH_POINTS,
  UPLOAD_CRASH_POINTS,
  WIPE_CRASH_POINTS,
} from './crashPoint.ts';
export { eraseFile, eraseTree } from './erase.ts';
export { eachReason, listed, systemWords, tlsWords } from './failureText.ts';
export {
  isNoSpace,
  isWritable,
  keepFilesPrivate,
  makeFolder,
  nearestCause,
  renameDurably,
  replaceFile,
  syncPath,
  writeShared,
} from './files.ts';
export { codeOf, messageOf, parseJson } from './foreign.ts';
export {
  described,
  endWithReader,
  type Lines,
  type Paint,
  painter,
  present,
  print,
  printError,
  printNow,
  styledLines,
  terminalColumns,
} from './output.ts';
export { isEncryptedOrLocal } from './plainUrl.ts';
export { logLine, redactData, redactText, safeText } from './redact.ts';
export { reused } from './reused.ts';
export { identitiesIn, NoIdentityError, SEALED_MAGIC, type Seal, type Step, sealerFor, sealing, unsealing } from './seal.ts';
export { readSmallFile, readSmallFileLater, type SmallFile } from './smallFile.ts';
export { idsOf, isPlainPath, renderUnit, Services } from './systemd.ts';
export { requestOverSocket } from './unixSocket.ts';
export { visible, visibleData, withoutHidden } from './visible.ts';
export { type BackoffLimits, backoffMs, every, STABLE_AFTER_MS, type Ticker, wait, withDeadline } from './waiting.ts';
