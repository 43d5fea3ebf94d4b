export { type LogPosition, logFiles, readLines, readLog } from './files.ts';
export { createLog, type Logger } from './log.ts';
export { LogFile, type LogFileOptions } from './logFile.ts';
export { type LogSlice, logSlices } from './slices.ts';
