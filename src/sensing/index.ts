export { Channel } from './channel.ts';
export { endedAlerts } from './ended.ts';
export type { Sample } from './gate.ts';
export { isSame, type Match, match, type Offer, type Wanted } from './match.ts';
export { fieldReader } from './path.ts';
export { Rate } from './rate.ts';
export { type RecentReading, RecentReadings } from './recentReadings.ts';
export { type Incident, type RecordedReading, type ReplayedAlert, replay } from './replay.ts';
