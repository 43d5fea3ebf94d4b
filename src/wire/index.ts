// Defines the wire protocol (docs/reference/protocol.md) as schemas and types, for robot and cloud. Imports only zod.
export * from './commands.ts';
export * from './events.ts';
export * from './names.ts';
export * from './presence.ts';
export * from './ranges.ts';
export * from './receipts.ts';
export * from './telemetry.ts';
export * from './topics.ts';
