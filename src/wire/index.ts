// The contract as schemas and types. Imports zod only; the one room of the robot's code that the cloud may enter.
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
