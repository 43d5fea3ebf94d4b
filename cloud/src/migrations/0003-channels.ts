// The channels that a robot announces in its presence: the state must not keep values of others. Null if it announces none.
export const channels = 'alter table robots add column channels jsonb;';
