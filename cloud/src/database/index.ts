export { copyCell } from './copyIn.ts';
export { type Database, type Param, refusesData, type Sql } from './database.ts';
export { migrate, pendingMigrations } from './migrate.ts';
export { type DatabaseSettings, openDatabase, usable } from './open.ts';
export { postgresDatabase } from './postgres.ts';
export { type CommandDatabase, DatabaseSocket, databaseOverSocket } from './socket.ts';
export { storableJson, storableText } from './storable.ts';
