export { settingsFileFrom, settingsOf } from './settingsFile.ts';
export { unitFor } from './unit.ts';
