export {
  columnsOf,
  copyCell,
  type Database,
  type Limits,
  type Param,
  refusesData,
  type Sql,
  storableJson,
  storableText,
  tookTooLong,
} from './database.ts';
export { migrate, pendingMigrations } from './migrate.ts';
export {
  checkRestored,
  type DatabaseSettings,
  type Databases,
  migrateTables,
  openDatabase,
  openDatabases,
  sharedDatabase,
  usable,
} from './open.ts';
export { SHARED_CONNECTIONS, sharesConnections } from './pooler.ts';
export { postgresDatabase } from './postgres.ts';
export { type CommandDatabase, DatabaseSocket, databaseOverSocket } from './socket.ts';
