export { type Credentials, readCredentials } from './credentials.ts';
export { type Endpoint, endpointOf } from './endpoint.ts';
export { type Environment, exportToSdk, readEnvironment } from './environment.ts';
export type { Retention } from './retention.ts';
export { silence } from './schema.ts';
export { databaseSettingsFrom, type Settings, settingsFrom } from './settings.ts';
