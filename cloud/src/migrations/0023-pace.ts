// How often a robot says that it speaks: one over its budget of messages speaks more rarely, and is not silent for that.

export const pace = `
alter table robots add column telemetry_every_ms bigint;
`;
