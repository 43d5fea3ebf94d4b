export { settingsFileFrom, settingsOf, unitFor } from './files.ts';
