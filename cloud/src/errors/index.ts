export { Refusal, SettingsError } from './errors.ts';
export { whyUnreadable } from './whyUnreadable.ts';
