export { silence } from './schema.ts';
export {
  CREDENTIALS,
  type Credentials,
  databaseSettingsFrom,
  type Environment,
  exportToSdk,
  monitorTokenOf,
  readCredentials,
  readEnvironment,
  type Settings,
  settingsFrom,
} from './settings.ts';
export { type Endpoint, endpointOf, type Retention } from './values.ts';
