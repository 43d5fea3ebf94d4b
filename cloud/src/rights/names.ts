// How the cloud calls itself at the broker; its rights there are given to these names (rights/policies.ts).

/** Each instance adds something random: two with one name would throw each other out. */
export const CLIENT_ID_PREFIX = 'elderly-bot-cloud-';

/** The group that shares the robots' messages. */
export const SHARE = '$share/ingest/';
