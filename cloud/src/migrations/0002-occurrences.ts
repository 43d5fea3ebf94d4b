// Adds the number of occurrences to alerts.

export const occurrences = `
-- How often an event happened while its alert stood. Null while it stands, and for alerts that are not events.
alter table alerts add column occurrences bigint;
`;
