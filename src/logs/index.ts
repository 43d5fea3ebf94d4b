export { createLog, type Logger } from './log.ts';
export { LogFile, type LogFileOptions } from './logFile.ts';
export { type LogPosition, type LogSlice, logFiles, logSlices, readLines, readLog } from './read.ts';
