// Adds what a robot says about alerts that flap, alerts that its disk did not have, and the disk itself.

export const flapping = `
-- {raised, cleared, ms}: how often a flapping alert was raised again and cleared since it was raised.
alter table readings add column flapping jsonb;
alter table alerts add column flapping jsonb;
-- The robot could not write the row to its disk.
alter table readings add column volatile boolean;
alter table alerts add column volatile boolean not null default false;
-- 'failed' if the robot cannot write to its disk.
alter table robots add column storage text;
`;
