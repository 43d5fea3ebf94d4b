// Defines the wire protocol (docs/reference/protocol.md) as schemas and types for the robot and the cloud. Must not import anything but
// zod.
export * from './commands.ts';
export * from './events.ts';
export * from './names.ts';
export * from './presence.ts';
export * from './ranges.ts';
export * from './receipts.ts';
export * from './telemetry.ts';
export * from './topics.ts';
