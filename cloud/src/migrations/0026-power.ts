// What a robot knew of its power when it last said so, or its last will for it: tells an empty battery from a lost network.

export const power = `
alter table robots add column power jsonb;
`;
