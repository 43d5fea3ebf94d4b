export { DEFAULT_FILE, type LoadedConfig, loadConfig } from './load.ts';
export type { ArgumentConfig, ChannelConfig, CommandConfig, Config } from './schema.ts';
export { config as configSchema } from './schema.ts';
