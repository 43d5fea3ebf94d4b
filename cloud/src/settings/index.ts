export { type Credentials, readCredentials } from './credentials.ts';
export { type Endpoint, endpointOf } from './endpoint.ts';
export type { Retention } from './retention.ts';
export {
  databaseSettingsFrom,
  type Environment,
  giveToSdk,
  readEnvironment,
  type Settings,
  settingsFrom,
  silenceFrom,
  Wrong,
} from './settings.ts';
