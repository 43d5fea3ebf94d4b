// The wire protocol (docs/reference/protocol.md) as schemas and types. Imports zod only; robot and cloud share it.
export * from './commands.ts';
export * from './events.ts';
export * from './names.ts';
export * from './presence.ts';
export * from './ranges.ts';
export * from './receipts.ts';
export * from './results.ts';
export * from './rights.ts';
export * from './telemetry.ts';
export * from './topics.ts';
